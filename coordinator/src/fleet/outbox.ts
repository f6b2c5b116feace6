import type { Writable } from 'node:stream';
import type { AssignmentQueue } from './assignment-queue.js';
import { encodeExecFrame, type ExecOrder } from './exec-frame.js';

type Entry = Buffer | ExecOrder;

const sizeOf = (entry: Entry): number => (Buffer.isBuffer(entry) ? entry.length : entry.job.length + 20 * entry.targetIds.length);

/**
 * What one agent is to be sent. Commands go before assignments; both are encoded only when the
 * stream takes them, and nothing is written while the agent must read first.
 */
export class Outbox {
  readonly #limitBytes: number;
  #entries: Entry[] = [];
  #head = 0;
  #bytes = 0;
  // Exec frames of this session are numbered in the order in which they are written.
  #execSequence = 0;
  // When the other end was last seen to read, while we wait for it.
  #blockedSinceMs: number | undefined;
  // Frames that the stream held then.
  #heldFrames = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** False when more waits than this agent is allowed to leave unread. */
  push(entry: Entry): boolean {
    this.#entries.push(entry);
    this.#bytes += sizeOf(entry);
    return this.#bytes <= this.#limitBytes;
  }

  flush(call: Writable, assignments: AssignmentQueue | undefined, nowMs: number): void {
    while (this.#blockedSinceMs === undefined) {
      const frame = this.#take() ?? assignments?.nextFrame();
      if (!frame) return;
      if (call.write(frame)) continue;
      this.#blockedSinceMs = nowMs;
      this.#heldFrames = call.writableLength;
    }
  }

  /** The stream has emptied. True: it was waited for. */
  drained(): boolean {
    const wasBlocked = this.#blockedSinceMs !== undefined;
    this.#blockedSinceMs = undefined;
    return wasBlocked;
  }

  /** For how long the other end has read nothing while something waits; reading slowly is no fault. */
  stalledMs(call: Writable, nowMs: number): number {
    if (this.#blockedSinceMs === undefined) return 0;
    if (call.writableLength < this.#heldFrames) this.#blockedSinceMs = nowMs;
    this.#heldFrames = call.writableLength;
    return nowMs - this.#blockedSinceMs;
  }

  #take(): Buffer | undefined {
    const entry = this.#entries[this.#head];
    if (!entry) return undefined;
    this.#bytes -= sizeOf(entry);
    this.#head += 1;
    // Behind the head nothing is needed any more; let it go when that is cheap.
    if (this.#head === this.#entries.length) {
      this.#entries = [];
      this.#head = 0;
    } else if (this.#head === 256) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return Buffer.isBuffer(entry) ? entry : encodeExecFrame(++this.#execSequence, entry);
  }
}
