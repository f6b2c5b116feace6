import { EventEmitter } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import type { Io, OutputStream } from '../terminal/io.js';

/** A stream that remembers what was written to it. */
export class Captured extends Writable implements OutputStream {
  readonly isTTY: boolean;
  columns: number;
  readonly #chunks: Buffer[] = [];

  constructor(isTTY = false, columns = 100) {
    super();
    this.isTTY = isTTY;
    this.columns = columns;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.bytes.toString('utf8');
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#chunks.push(Buffer.from(chunk));
    this.emit('told');
    done();
  }

  /** Resolves once `wanted` has been written. */
  async until(wanted: string | RegExp): Promise<void> {
    const isThere = (): boolean => (typeof wanted === 'string' ? this.text.includes(wanted) : wanted.test(this.text));
    while (!isThere()) await new Promise((resolve) => this.once('told', resolve));
  }
}

export interface FakeIoOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly stdoutIsTerminal?: boolean;
  readonly stderrIsTerminal?: boolean;
  readonly stdin?: string;
  readonly stdinIsTerminal?: boolean;
}

export interface FakeIo extends Io {
  readonly stdout: Captured;
  readonly stderr: Captured;
  readonly signals: EventEmitter;
}

/** A process that is only streams: no terminal unless said, an empty environment, no configuration. */
export function fakeIo({ env = {}, cwd = '/', stdoutIsTerminal = false, stderrIsTerminal = false, stdin, stdinIsTerminal = false }: FakeIoOptions = {}): FakeIo {
  const input = Object.assign(new PassThrough(), { isTTY: stdinIsTerminal });
  if (stdin !== undefined) input.end(stdin);
  return {
    stdin: input,
    stdout: new Captured(stdoutIsTerminal),
    stderr: new Captured(stderrIsTerminal),
    env: { HOME: '/nonexistent', ...env },
    cwd,
    signals: new EventEmitter(),
  };
}
