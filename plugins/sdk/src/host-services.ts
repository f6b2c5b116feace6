import type { Readable } from 'node:stream';

/** What the coordinator offers to a plugin. */
export interface HostServices {
  readonly log: PluginLog;
  metric(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  /** What the machine of one host runs at its first boot: carries its join token. */
  installPayload(hostId: string): Promise<Uint8Array>;
  /** For drivers that start agents themselves. */
  agentCommand(hostId: string): Promise<AgentCommand>;
  /**
   * What machines of one architecture ("x64", "arm64") install, for drivers that can put it onto them: the directory
   * `/opt/wombat-agent/versions/SHA256` unpacked from it is not fetched by the install payload. Undefined: there is none.
   */
  agentPackage(arch: string): Promise<AgentPackage | undefined>;
}

export interface AgentPackage {
  readonly sha256: string;
  /** A .tar.gz. Whoever does not read it to its end destroys it. */
  readonly content: Readable;
}

export interface PluginLog {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface AgentCommand {
  /** The agent's program. The driver adds `--directory DIR`, `--join-token-file FILE` and what else it knows. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** To be written to a file 0600; the agent removes it once it has joined. */
  readonly joinToken: string;
}
