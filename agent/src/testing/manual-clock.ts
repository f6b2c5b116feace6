import type { Clock } from '@wombat/proto';

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** Time that stands still until a test turns it. */
export class ManualClock implements Clock {
  #nowMs: number;
  #setByMs = 0;
  #sleepers: Sleeper[] = [];

  constructor(nowMs = Date.now()) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs + this.#setByMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  /** How long each sleeper still has to sleep. */
  pending(): number[] {
    return this.#sleepers.map(({ dueMs }) => dueMs - this.#nowMs).sort((one, other) => one - other);
  }

  /** Turns the clock, waking whoever is due. */
  advance(ms: number): void {
    this.#nowMs += ms;
    const due = this.#sleepers.filter(({ dueMs }) => dueMs <= this.#nowMs);
    this.#sleepers = this.#sleepers.filter((sleeper) => !due.includes(sleeper));
    for (const { wake } of due) wake();
  }

  /** Somebody sets the wall clock; no time passes. */
  jump(ms: number): void {
    this.#setByMs += ms;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const forget = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason as Error);
      };
      const sleeper = { dueMs: this.#nowMs + ms, wake: () => (signal?.removeEventListener('abort', forget), resolve()) };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', forget, { once: true });
    });
  }
}
