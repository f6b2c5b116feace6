type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** Where the fleet logs; a pino logger is one. */
export interface FleetLog {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
}

export const silentFleetLog: FleetLog = { debug() {}, info() {}, warn() {}, error() {} };
