import type { Clock } from '@wombat/proto';

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** Lets everything that is ready run: promises, and what sockets have brought. */
export async function settle(turns = 5): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A clock that a test turns by hand. */
export class ManualClock implements Clock {
  #nowMs = 1_000_000;
  readonly #sleepers = new Set<Sleeper>();

  now(): number {
    return Date.UTC(2026, 0, 1) + this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const leave = (settled: () => void) => (): void => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener('abort', onAbort);
        settled();
      };
      const sleeper: Sleeper = { dueMs: this.#nowMs + ms, wake: leave(resolve) };
      const onAbort = leave(() => reject(signal?.reason as Error));
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', onAbort);
    });
  }

  /** Time passes evenly: every sleeper wakes when it is due. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#next();
      if (!next || next.dueMs > endMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.wake();
      await settle();
    }
    this.#nowMs = endMs;
    await settle();
  }

  /** Time passes while nothing runs, as when the event loop is held up. */
  async stall(ms: number): Promise<void> {
    this.#nowMs += ms;
    for (let next = this.#next(); next && next.dueMs <= this.#nowMs; next = this.#next()) next.wake();
    await settle();
  }

  #next(): Sleeper | undefined {
    let earliest: Sleeper | undefined;
    for (const sleeper of this.#sleepers) if (!earliest || sleeper.dueMs < earliest.dueMs) earliest = sleeper;
    return earliest;
  }
}
