import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { fixtures } from './checkout.js';
import { spawnPlain, usualEnvironment } from './spawn-plain.js';
import { notYet, until, type Patience } from './until.js';

export interface TerminalOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** @default 80 */
  readonly columns?: number;
  /** @default 24 */
  readonly rows?: number;
  /** Of a program that floods its terminal: so much of the end of its output is kept. @default all */
  readonly keepBytes?: number;
}

/** A program on a real terminal (a pty), which a person could sit at. */
export class Terminal {
  /** The exit code of the program. */
  readonly ended: Promise<number>;
  readonly #child: ChildProcess;
  readonly #chunks: Buffer[] = [];
  #keptBytes = 0;
  #writtenBytes = 0;

  constructor(argv: readonly string[], { environment = {}, columns = 80, rows = 24, keepBytes = Infinity }: TerminalOptions = {}) {
    const variables = { ...usualEnvironment(), TERM: 'xterm-256color', LANG: 'C.UTF-8', ...environment };
    this.#child = spawnPlain('python3', [join(fixtures, 'terminal/on_terminal.py'), String(columns), String(rows), ...argv], variables, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout?.on('data', (bytes: Buffer) => this.#keep(bytes, keepBytes));
    this.#child.stdin?.on('error', () => undefined);
    this.ended = new Promise((resolve) => this.#child.once('close', (code) => resolve(code ?? -1)));
  }

  /** How much was written, kept or not. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Everything written so far and kept, escape sequences and all. */
  get output(): string {
    return Buffer.concat(this.#chunks).toString();
  }

  type(text: string): void {
    this.#order({ input: text });
  }

  resize(columns: number, rows: number): void {
    this.#order({ columns, rows });
  }

  /** Waits until `wanted` is written behind the first `after` characters of the output, and answers where it ends. */
  async until(wanted: string | RegExp, after = 0, patience?: Patience): Promise<number> {
    return await until(`the terminal shows ${String(wanted)}`, () => {
      const output = this.output.slice(after);
      const found = typeof wanted === 'string' ? { index: output.indexOf(wanted), 0: wanted } : wanted.exec(output);
      if (found && found.index >= 0) return after + found.index + found[0].length;
      if (this.#child.exitCode !== null) throw new Error(`the program on the terminal has ended before it showed ${String(wanted)}: ${output.slice(-2_000)}`);
      return notYet(output.slice(-2_000));
    }, patience);
  }

  /** Ends the program and waits for its end. */
  async close(): Promise<void> {
    this.#child.stdin?.end();
    await this.ended;
  }

  #keep(bytes: Buffer, keepBytes: number): void {
    this.#chunks.push(bytes);
    this.#writtenBytes += bytes.length;
    this.#keptBytes += bytes.length;
    while (this.#keptBytes > keepBytes && this.#chunks.length > 1) this.#keptBytes -= this.#chunks.shift()!.length;
  }

  #order(order: object): void {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
  }
}
