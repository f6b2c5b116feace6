import type { LogPiece } from '@wombat/proto/control';
import type { Colours } from '../terminal/colours.js';
import type { OutputStream } from '../terminal/io.js';
import { written } from '../terminal/write.js';
import { LineSplitter } from './line-splitter.js';
import { prefixedLines } from './prefixed-lines.js';
import type { Printer } from './printer.js';
import { sanitise } from './sanitise.js';
import { bytes } from './words.js';

export interface LogPrinterOptions {
  readonly out: OutputStream;
  readonly print: Printer;
  /** Ends the wait for a reader of stdout. */
  readonly signal: AbortSignal;
  /** Only lines that it matches. */
  readonly pattern: RegExp | undefined;
  /** One log into a file or pipe: of one node its bytes, untouched. */
  readonly mayBeRaw: boolean;
  /** Before each line, even of one node. */
  readonly isPrefixed: boolean;
}

const hues = ['cyan', 'green', 'magenta', 'yellow', 'blue', 'red'] as const satisfies readonly (keyof Colours)[];
const widestLabel = 40;

/** Writes the lines of many logs, each with where it comes from, onto a terminal with control characters shown instead of obeyed. */
export class LogPrinter {
  readonly #options: LogPrinterOptions;
  readonly #names = new Map<string, string>();
  readonly #splitters = new Map<string, LineSplitter>();
  #width = 0;

  constructor(options: LogPrinterOptions) {
    this.#options = options;
  }

  /** Until a second node shows up. */
  get #isRaw(): boolean {
    return this.#options.mayBeRaw && this.#names.size < 2;
  }

  node(id: string, name: string): void {
    this.#names.set(id, name);
    this.#widen(name);
  }

  nameOf(id: string): string {
    return sanitise(this.#names.get(id) ?? id);
  }

  /** Resolves when whoever reads has room for more. */
  async piece(piece: LogPiece): Promise<void> {
    if (piece.lostBytes > 0n) this.#gap(piece, `[${bytes(piece.lostBytes)} lost]`, { lostBytes: String(piece.lostBytes) });
    if (piece.torn) this.#gap(piece, '[some output may be missing here]', { torn: true });
    if (this.#isRaw) return this.#write(piece.data);
    const lines = this.#splitter(piece).push(piece.data);
    await this.#lines(piece.nodeId, piece.log, lines);
  }

  /** Lines that came without an end. */
  async end(): Promise<void> {
    for (const [key, splitter] of this.#splitters) {
      const [nodeId, log] = key.split('\0') as [string, string];
      await this.#lines(nodeId, log, splitter.end());
    }
  }

  async #lines(nodeId: string, log: string, lines: readonly Buffer[]): Promise<void> {
    const { pattern, print } = this.#options;
    const wanted = pattern ? lines.filter((line) => pattern.test(line.toString())) : lines;
    if (wanted.length === 0) return;
    if (print.isForPrograms) return this.#write(wanted.map((line) => `${JSON.stringify({ nodeId, nodeName: this.#names.get(nodeId) ?? '', log, line: line.toString() })}\n`).join(''));
    const prefix = this.#prefix(nodeId, log, print.out);
    await this.#write(prefixedLines(this.#options.out.isTTY === true, prefix, wanted));
  }

  /** What is missing is talk for people, and a record for programs. */
  #gap({ nodeId, log }: LogPiece, text: string, record: object): void {
    const { print, out } = this.#options;
    // The beginning of a line before the gap belongs to none after it.
    const rest = this.#isRaw ? [] : this.#splitter({ nodeId, log }).end();
    void this.#lines(nodeId, log, rest);
    if (print.isForPrograms) out.write(`${JSON.stringify({ nodeId, nodeName: this.#names.get(nodeId) ?? '', log, ...record })}\n`);
    else print.warn(`${this.#prefix(nodeId, log, print.err)}${print.err.yellow(text)}`);
  }

  #splitter({ nodeId, log }: Pick<LogPiece, 'nodeId' | 'log'>): LineSplitter {
    const key = `${nodeId}\0${log}`;
    const splitter = this.#splitters.get(key) ?? new LineSplitter();
    this.#splitters.set(key, splitter);
    return splitter;
  }

  #prefix(nodeId: string, log: string, colours: Colours): string {
    if (!this.#options.isPrefixed && this.#names.size < 2) return '';
    const name = this.nameOf(nodeId);
    const label = log === 'stdout' ? name : `${name} ${sanitise(log)}`;
    this.#widen(label);
    const hue = hues[[...this.#names.keys()].indexOf(nodeId) % hues.length] ?? 'cyan';
    return `${colours[hue](label.padEnd(this.#width))} ${colours.dim('|')} `;
  }

  #widen(label: string): void {
    this.#width = Math.max(this.#width, Math.min(widestLabel, label.length));
  }

  #write(data: Uint8Array | string): Promise<void> {
    return written(this.#options.out, data, this.#options.signal);
  }
}
