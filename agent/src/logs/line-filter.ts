import { limits } from '@wombat/proto';
import type { LogBytes } from './read-segments.js';

export interface FilterQuery {
  readonly text: string;
  readonly ignoreCase: boolean;
}

/** The wanted lines of a piece of a log, and how far it has been looked through. */
export interface FilteredLines {
  readonly data: Buffer;
  /** Of the first wanted line. */
  readonly offset: number;
  readonly nextOffset: number;
}

const newline = 10;
const cutMark = Buffer.from(' [line cut]\n');

/** Lets the lines through that hold a text. A line that is too long is cut, and told by its beginning alone. */
export class LineFilter {
  readonly #isWanted: (line: Buffer) => boolean;
  #rest: Buffer = Buffer.alloc(0);
  /** The rest of a line that was cut. */
  #isSkipping = false;

  constructor({ text, ignoreCase }: FilterQuery) {
    const exact = Buffer.from(text);
    const lower = text.toLowerCase();
    this.#isWanted = ignoreCase ? (line) => line.toString('utf8').toLowerCase().includes(lower) : (line) => line.includes(exact);
  }

  /** The beginning of a line of which the end has not been written. */
  get restBytes(): number {
    return this.#rest.length;
  }

  /** What was lost between, or is torn: no line goes on over it. */
  interrupt(): void {
    this.#rest = Buffer.alloc(0);
    this.#isSkipping = false;
  }

  take({ offset, data }: Pick<LogBytes, 'offset' | 'data'>): FilteredLines {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, data]) : data;
    const base = offset - this.#rest.length;
    const wanted: Buffer[] = [];
    let first: number | undefined;
    let at = 0;
    for (;;) {
      const end = bytes.indexOf(newline, at);
      if (end < 0 && bytes.length - at <= limits.logLineBytes) break;
      const isCut = end < 0 || end - at > limits.logLineBytes;
      const line = bytes.subarray(at, isCut ? at + limits.logLineBytes : end + 1);
      if (!this.#isSkipping && this.#isWanted(line)) {
        first ??= base + at;
        wanted.push(line, ...(isCut ? [cutMark] : []));
      }
      this.#isSkipping = end < 0;
      at = end < 0 ? bytes.length : end + 1;
      if (end < 0) break;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
    return { data: Buffer.concat(wanted), offset: first ?? base + at, nextOffset: base + at };
  }

  /** The last line, which has no end and will get none. */
  finish(endOffset: number): FilteredLines {
    const rest = this.#rest;
    const isWanted = !this.#isSkipping && rest.length > 0 && this.#isWanted(rest);
    this.interrupt();
    return { data: isWanted ? rest : Buffer.alloc(0), offset: endOffset - rest.length, nextOffset: endOffset };
  }
}
