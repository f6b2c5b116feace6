import { limits } from '@wombat/proto';
import { LineFilter, type FilterQuery } from './line-filter.js';
import { endOf } from './log-segment.js';
import type { LogSource } from './node-logs.js';
import { readSegments } from './read-segments.js';

/** A piece of one log on its way. */
export interface LogPiece {
  readonly offset: number;
  readonly data: Buffer;
  readonly nextOffset: number;
  readonly lostBytes: number;
  readonly torn: boolean;
}

/** With the rest of a line before it, and the mark of a cut one, it still fits into a message. */
const readBytes = limits.channelChunkBytes / 4;
/** With a filter, nothing wanted in this much is told as a position. */
const silentBytes = 256 * 1024;

/** Reads one log onwards, piece by piece. */
export class LogCursor {
  #offset: number;
  /** The offset that whoever reads knows of. */
  #told: number;
  #isOngoing: boolean;
  readonly #filter: LineFilter | undefined;

  /** `isOngoing`: what comes before `offset` has been read. */
  constructor(offset: number, isOngoing: boolean, filter: FilterQuery | undefined) {
    this.#offset = offset;
    this.#told = offset;
    this.#isOngoing = isOngoing;
    this.#filter = filter && new LineFilter(filter);
  }

  get offset(): number {
    return this.#offset;
  }

  /** Undefined when there is nothing more for now. */
  next(source: LogSource): LogPiece | undefined {
    for (;;) {
      const segments = source.segments();
      const isEmptied = endOf(segments) < this.#offset;
      if (isEmptied) this.#offset = segments.at(-1)?.start ?? 0;
      const bytes = readSegments(segments, this.#offset, readBytes);
      if (!bytes && !isEmptied) return undefined;
      if (!bytes) return this.#tell({ offset: this.#offset, data: Buffer.alloc(0), nextOffset: this.#offset, lostBytes: 0, torn: true });
      this.#offset = bytes.offset + bytes.data.length;
      const { lostBytes } = bytes;
      const torn = isEmptied || (bytes.torn && this.#isOngoing);
      this.#isOngoing = true;
      if (!this.#filter) return this.#tell({ offset: bytes.offset, data: bytes.data, nextOffset: this.#offset, lostBytes, torn });
      if (lostBytes > 0 || torn) this.#filter.interrupt();
      const lines = this.#filter.take(bytes);
      const isQuiet = lines.data.length === 0 && lostBytes === 0 && !torn && lines.nextOffset - this.#told < silentBytes;
      if (!isQuiet) return this.#tell({ ...lines, lostBytes, torn });
      // So many bytes are looked through in one go at most, for others wait too.
    }
  }

  /** The last line of a log that will not grow. */
  finish(): LogPiece | undefined {
    if (!this.#filter || this.#filter.restBytes === 0) return undefined;
    return this.#tell({ ...this.#filter.finish(this.#offset), lostBytes: 0, torn: false });
  }

  #tell(piece: LogPiece): LogPiece {
    this.#told = piece.nextOffset;
    return piece;
  }
}
