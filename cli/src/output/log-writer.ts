import { StringDecoder } from 'node:string_decoder';
import type { OutputStream } from '../terminal/io.js';
import { sanitise } from './sanitise.js';
import { bytes } from './words.js';

/**
 * Writes remote bytes: as they are into a file or pipe; onto a terminal line by line, with control
 * characters shown instead of obeyed.
 */
export class LogWriter {
  readonly #out: OutputStream;
  readonly #tell: (text: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  constructor(out: OutputStream, tell: (text: string) => void) {
    this.#out = out;
    this.#tell = tell;
  }

  write(data: Uint8Array): void {
    if (this.#out.isTTY !== true) {
      this.#out.write(data);
      return;
    }
    const lines = (this.#rest + this.#decoder.write(Buffer.from(data))).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) this.#line(line);
  }

  lost(amount: bigint): void {
    this.#tell(`[${bytes(amount)} lost]`);
  }

  /** What came without a newline at its end. */
  end(): void {
    if (this.#rest) this.#line(this.#rest);
    this.#rest = '';
  }

  #line(line: string): void {
    this.#out.write(`${sanitise(line.endsWith('\r') ? line.slice(0, -1) : line)}\n`);
  }
}
