import type { Clock } from '@wombat/proto';

/**
 * A clock that stands still while the coordinator's own event loop does: each tick adds at most
 * one period, however late it comes. What is measured with it is never blamed for our stalls.
 * It moves at ticks only, so reading it costs nothing for each frame.
 */
export class LiveClock {
  readonly #clock: Clock;
  readonly #tickMs: number;
  #lastTick: number;
  #nowMs = 0;
  #lagMs = 0;
  #hasStalled = false;

  constructor(clock: Clock, tickMs: number) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#lastTick = clock.monotonic();
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** How late the last tick came. */
  get lagMs(): number {
    return this.#lagMs;
  }

  /**
   * True at a tick that came more than a period late, when the one before was in time: what agents
   * sent during the stall still waits in the sockets, so nobody is judged before the next tick.
   */
  get hasStalled(): boolean {
    return this.#hasStalled;
  }

  /** Ticks come from now on; what went before, such as the start of the program, is no stall. */
  begin(): void {
    this.#lastTick = this.#clock.monotonic();
  }

  tick(): void {
    const now = this.#clock.monotonic();
    const elapsedMs = Math.max(0, now - this.#lastTick);
    this.#lastTick = now;
    const wasLate = this.#lagMs > this.#tickMs;
    this.#lagMs = Math.max(0, elapsedMs - this.#tickMs);
    this.#hasStalled = this.#lagMs > this.#tickMs && !wasLate;
    this.#nowMs += elapsedMs - this.#lagMs;
  }
}
