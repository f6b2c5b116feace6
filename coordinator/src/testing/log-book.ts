import type { Log } from '../engine/ports.js';

export interface LogEntry {
  readonly level: keyof Log;
  readonly fields: object;
  readonly message: string;
}

/** A log that a test can read. */
export class LogBook implements Log {
  readonly entries: LogEntry[] = [];
  readonly debug = this.#writer('debug');
  readonly info = this.#writer('info');
  readonly warn = this.#writer('warn');
  readonly error = this.#writer('error');

  #writer(level: keyof Log): Log['info'] {
    return (fields, message) => void this.entries.push({ level, fields, message });
  }
}
