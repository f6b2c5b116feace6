import { limits } from '@wombat/proto';

const newline = 10;
const cutMark = Buffer.from(' [line goes on]');

/** Makes lines of bytes that come in pieces. A line that is too long becomes several. */
export class LineSplitter {
  #rest = Buffer.alloc(0);

  /** Whole lines, without their ends. */
  push(data: Uint8Array): Buffer[] {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, data]) : Buffer.from(data);
    const lines: Buffer[] = [];
    let at = 0;
    for (;;) {
      const end = bytes.indexOf(newline, at);
      const isTooLong = (end < 0 ? bytes.length : end) - at > limits.logLineBytes;
      if (end < 0 && !isTooLong) break;
      const stop = isTooLong ? at + limits.logLineBytes : end;
      lines.push(isTooLong ? Buffer.concat([bytes.subarray(at, stop), cutMark]) : bytes.subarray(at, stop));
      at = isTooLong ? stop : end + 1;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
    return lines;
  }

  /** What came without an end. */
  end(): Buffer[] {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest.length > 0 ? [rest] : [];
  }
}
