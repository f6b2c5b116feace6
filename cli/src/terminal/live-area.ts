import stringWidth from 'string-width';
import type { OutputStream } from './io.js';

/**
 * Lines at the end of a terminal that are written over: each picture in one write, so that nothing flickers.
 * When the window became narrower meanwhile, what stood there has been wrapped by the terminal: as many rows
 * are taken back as it takes now.
 */
export class LiveArea {
  readonly #out: OutputStream;
  #shown: readonly string[] = [];
  #columns = 0;

  constructor(out: OutputStream) {
    this.#out = out;
  }

  get columns(): number {
    return this.#out.columns || 80;
  }

  get rows(): number {
    return this.#out.rows || 24;
  }

  draw(text: string): void {
    const lines = text.split('\n');
    if (this.#columns === this.columns && lines.join('\n') === this.#shown.join('\n')) return;
    this.#out.write(`${this.#back()}\x1b[J${lines.map((line) => `${line}\n`).join('')}`);
    this.#shown = lines;
    this.#columns = this.columns;
  }

  /** A line that stays, above the area. */
  persist(text: string): void {
    this.#out.write(`${this.#back()}\x1b[J${text}\n`);
    const shown = this.#shown;
    this.#shown = [];
    if (shown.length > 0) this.draw(shown.join('\n'));
  }

  clear(): void {
    this.#out.write(`${this.#back()}\x1b[J`);
    this.#shown = [];
  }

  /** What is shown stays; the next picture begins below it. */
  done(): void {
    this.#shown = [];
  }

  #back(): string {
    const rows = this.#shown.reduce((sum, line) => sum + Math.max(1, Math.ceil(stringWidth(line) / this.columns)), 0);
    return rows > 0 ? `\r\x1b[${rows}A` : '\r';
  }
}
