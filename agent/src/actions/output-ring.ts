import { closeSync, constants, existsSync, fstatSync, ftruncateSync, readFileSync, readSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { limits } from '@wombat/proto';
import type { LogSegment } from '../logs/log-segment.js';
import { openPlainFile, plainFileSize } from '../logs/plain-file.js';
import type { SecretMask } from '../nodes/mask-secrets.js';
import { maskText, type FileRange } from './mask-file.js';

/** What was cut out of FILE, and where from. */
interface RingState {
  /** So many first bytes of FILE are the first of the output; what follows in it comes after the tail. */
  readonly headBytes: number;
  /** Cut out behind the head, and not kept. */
  readonly droppedBytes: number;
  /** Of FILE.tail: what came after that. */
  readonly tailBytes: number;
}

export interface RingExtent {
  /** All that was written. */
  readonly sizeBytes: number;
  readonly lostBytes: number;
}

const copyBytes = 256 * 1024;

/**
 * What a command writes to one stream: its first and its last bytes, up to a limit together. The writer appends to FILE, so a file
 * that has grown past the limit has its end copied to FILE.tail and is cut back to its head; FILE.ring says what lies where.
 * What is written between the copy and the cut is lost, and counted with what was cut out before the tail: a loss has one place.
 */
export class OutputRing {
  readonly #file: string;
  readonly #limitBytes: number;

  constructor(file: string, limitBytes: number = limits.execOutputBytes) {
    this.#file = file;
    this.#limitBytes = limitBytes;
  }

  /** To be called often while the command runs. */
  trim(): void {
    const { headBytes, droppedBytes, tailBytes } = this.#state() ?? this.#unbroken;
    const size = plainFileSize(this.#file);
    const mostTailBytes = this.#limitBytes - headBytes;
    const excess = size - headBytes - mostTailBytes;
    if (excess <= 0) return;
    const descriptor = openPlainFile(this.#file, constants.O_RDWR);
    try {
      this.#copyTail(descriptor, size - mostTailBytes, size);
      const dropped = droppedBytes + tailBytes + excess;
      // Before the cut: an agent that dies in between knows what lies where.
      this.#write({ headBytes, droppedBytes: dropped, tailBytes: mostTailBytes });
      const missedBytes = fstatSync(descriptor).size - size;
      ftruncateSync(descriptor, headBytes);
      if (missedBytes > 0) this.#write({ headBytes, droppedBytes: dropped + missedBytes, tailBytes: mostTailBytes });
    } finally {
      closeSync(descriptor);
    }
  }

  /** Stars secrets in what is kept; to be called after the end of the command. */
  mask(secrets: SecretMask): void {
    const [head, ...rest] = this.segments();
    const isCut = rest.length > 0;
    if (head) maskText({ ranges: [head], tornBefore: false, tornAfter: isCut }, secrets);
    maskText({ ranges: rest, tornBefore: isCut, tornAfter: false }, secrets);
  }

  /** Nothing is kept from now on; all that was written is counted as lost. */
  empty(): void {
    const { sizeBytes } = this.extent();
    this.#write({ headBytes: 0, droppedBytes: sizeBytes, tailBytes: 0 });
    for (const file of [this.#file, `${this.#file}.tail`]) rmSync(file, { force: true });
  }

  extent(): RingExtent {
    const segments = this.segments();
    const end = segments.at(-1)!;
    const lostBytes = end.start + end.sizeBytes - segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    return { sizeBytes: end.start + end.sizeBytes, lostBytes };
  }

  /** What is kept, with its offsets in all that was written. */
  segments(): (LogSegment & FileRange)[] {
    const state = this.#state();
    const size = plainFileSize(this.#file);
    if (!state) return [segment(this.#file, 0, size, 0)];
    const { headBytes, droppedBytes, tailBytes } = state;
    const newBytes = Math.max(0, size - headBytes);
    // As many of the older ones are past the limit.
    const outdated = Math.min(tailBytes, newBytes);
    const tailStart = headBytes + droppedBytes;
    return [
      segment(this.#file, 0, Math.min(size, headBytes), 0),
      segment(`${this.#file}.tail`, tailStart + outdated, tailBytes - outdated, outdated),
      segment(this.#file, tailStart + tailBytes, newBytes, headBytes),
    ];
  }

  /** The head of an outcome is never a part of what gets lost. */
  get #unbroken(): RingState {
    const headBytes = Math.min(this.#limitBytes, Math.max(Math.floor(this.#limitBytes / 2), limits.outcomeHeadBytes));
    return { headBytes, droppedBytes: 0, tailBytes: 0 };
  }

  #copyTail(from: number, start: number, end: number): void {
    const staged = `${this.#file}.tail.new`;
    rmSync(staged, { force: true });
    const to = openPlainFile(staged, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    const chunk = Buffer.alloc(Math.min(copyBytes, Math.max(1, end - start)));
    try {
      for (let offset = start; offset < end; ) {
        const read = readSync(from, chunk, 0, Math.min(chunk.length, end - offset), offset);
        if (read === 0) break;
        writeSync(to, chunk, 0, read);
        offset += read;
      }
    } finally {
      closeSync(to);
    }
    renameSync(staged, `${this.#file}.tail`);
  }

  #state(): RingState | undefined {
    const file = `${this.#file}.ring`;
    // Nothing was cut out yet: so it is with most.
    if (!existsSync(file)) return undefined;
    try {
      return JSON.parse(readFileSync(file, 'utf8')) as RingState;
    } catch {
      return undefined;
    }
  }

  #write(state: RingState): void {
    const staged = `${this.#file}.ring.new`;
    writeFileSync(staged, JSON.stringify(state), { mode: 0o600 });
    renameSync(staged, `${this.#file}.ring`);
  }
}

function segment(file: string, start: number, sizeBytes: number, position: number): LogSegment & FileRange {
  return { file, start, sizeBytes, position, torn: false, open: () => openPlainFile(file) };
}
