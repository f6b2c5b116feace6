import type { Socket } from 'node:net';

/** Handshakes that are begun before the event loop gets its turn. */
const perTurn = 8;
/** An agent waits so long for its session. */
const givenUpAfterMs = 10_000;

interface Waiting {
  readonly socket: Socket;
  readonly sinceMs: number;
}

/**
 * When thousands connect at once, TLS begins for some of them in each turn of the loop, and goes on with those before it
 * begins for others. All begun at once would all be late: each would have cost its handshake when its agent gives up and
 * comes again. The newest are first, as the oldest are the next to give up; who has waited too long is cut unread.
 */
export class HandshakeTurns {
  readonly #begin: (socket: Socket) => void;
  #waiting: Waiting[] = [];
  #isScheduled = false;

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

  /** Cuts those that wait. */
  stop(): void {
    for (const { socket } of this.#waiting.splice(0)) socket.destroy();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#isScheduled = false;
    if (this.nowMs() - (this.#waiting.at(-1)?.sinceMs ?? 0) > givenUpAfterMs) this.stop();
    for (const { socket } of this.#waiting.splice(-perTurn).reverse()) this.#begin(socket);
    this.#schedule();
  }
}
