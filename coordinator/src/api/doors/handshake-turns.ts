import type { Socket } from 'node:net';

/** Handshakes that are under way at once. */
const atOnce = 64;
/** One that takes longer waits for its other end, and does not hold up others. */
const longMs = 500;
/** No agent waits longer for its session. */
const givenUpAfterMs = 60_000;

interface Waiting {
  readonly socket: Socket;
  readonly sinceMs: number;
}

/**
 * When thousands connect at once, TLS begins for some of them, and for others when it has ended for those. All begun at once
 * would all be late: each would have cost its handshake when its agent gives up and comes again. Who came first is first;
 * who has waited too long is cut unread.
 */
export class HandshakeTurns {
  readonly #begin: (socket: Socket) => void;
  #waiting: Waiting[] = [];
  /** When those under way were begun, the oldest first. */
  #begunMs: number[] = [];
  #isScheduled = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    begin: (socket: Socket) => void,
    private readonly nowMs = (): number => performance.now(),
  ) {
    this.#begin = begin;
  }

  /** A connection of which nothing is read yet. */
  add(socket: Socket): void {
    socket.on('error', () => undefined);
    this.#waiting.push({ socket, sinceMs: this.nowMs() });
    this.#schedule();
  }

  /** One of those begun has ended, whichever, well or not. */
  ended(): void {
    this.#begunMs.shift();
    this.#schedule();
  }

  /** Cuts those that wait. */
  stop(): void {
    clearTimeout(this.#timer);
    for (const { socket } of this.#waiting.splice(0)) socket.destroy();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#isScheduled = false;
    const now = this.nowMs();
    for (const { socket } of this.#waiting.splice(0, countUntil(this.#waiting, ({ sinceMs }) => now - sinceMs <= givenUpAfterMs))) socket.destroy();
    this.#begunMs.splice(0, countUntil(this.#begunMs, (begunMs) => now - begunMs <= longMs));
    for (const { socket } of this.#waiting.splice(0, atOnce - this.#begunMs.length)) {
      this.#begunMs.push(now);
      this.#begin(socket);
    }
    clearTimeout(this.#timer);
    if (this.#waiting.length > 0) this.#timer = setTimeout(() => this.#schedule(), longMs);
  }
}

function countUntil<T>(items: readonly T[], isIt: (item: T) => boolean): number {
  const index = items.findIndex(isIt);
  return index === -1 ? items.length : index;
}
