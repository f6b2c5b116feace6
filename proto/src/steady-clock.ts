import { readFileSync } from 'node:fs';
import { toleratedClockSkewMs } from './clock-skew.js';
import { systemClock, type Clock } from './clock.js';

/** What a steady clock goes by. */
export interface TimeSources {
  /** Wall clock of the machine in milliseconds since 1970. Somebody may set it. */
  wall(): number;
  /** Milliseconds that never jump, and stand still while the machine sleeps. */
  monotonic(): number;
  /** Milliseconds since the machine was booted, its sleep included; undefined where nobody says. */
  uptime(): number | undefined;
}

/** From one look at the wall clock to the next at least. */
const lookEveryMs = 1_000;

/**
 * Wall time for stored times and deadlines: it follows the machine's clock through sleep and the small corrections that keep clocks
 * right, and never goes back. When somebody sets the machine's clock by more than 5 minutes it goes on as if nothing had happened,
 * so that no deadline, pause or retention is over before its time or drawn out; `stepMs` tells it.
 */
export class SteadyClock implements Clock {
  readonly #sources: TimeSources;
  /** What was true at the last look. */
  #seen: { readonly nowMs: number; readonly monotonicMs: number; readonly uptimeMs: number | undefined };
  #stepMs = 0;
  #last: number;

  constructor(sources: TimeSources = machineTime) {
    this.#sources = sources;
    this.#last = sources.wall();
    this.#seen = { nowMs: this.#last, monotonicMs: sources.monotonic(), uptimeMs: sources.uptime() };
  }

  now(): number {
    const monotonicMs = this.#sources.monotonic();
    if (monotonicMs - this.#seen.monotonicMs >= lookEveryMs) this.#look(monotonicMs);
    this.#last = Math.max(this.#last, Math.round(this.#seen.nowMs + monotonicMs - this.#seen.monotonicMs));
    return this.#last;
  }

  monotonic(): number {
    return this.#sources.monotonic();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }

  /** By how much the machine's clock was set away from this one; 0 while the two agree. */
  get stepMs(): number {
    this.now();
    return this.#stepMs;
  }

  #look(monotonicMs: number): void {
    const uptimeMs = this.#sources.uptime();
    const { nowMs, ...before } = this.#seen;
    const passedMs = uptimeMs === undefined || before.uptimeMs === undefined ? monotonicMs - before.monotonicMs : uptimeMs - before.uptimeMs;
    const offMs = this.#sources.wall() - (nowMs + passedMs);
    const isStep = Math.abs(offMs) > toleratedClockSkewMs;
    this.#stepMs = isStep ? Math.round(offMs) : 0;
    // A clock that is ahead is followed at once, one that is behind by going at half speed.
    const followedMs = isStep ? 0 : Math.max(offMs, -passedMs / 2);
    this.#seen = { nowMs: nowMs + passedMs + followedMs, monotonicMs, uptimeMs };
  }
}

const machineTime: TimeSources = {
  wall: () => Date.now(),
  monotonic: () => systemClock.monotonic(),
  uptime: () => {
    try {
      const seconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
      return Number.isFinite(seconds) ? seconds * 1_000 : undefined;
    } catch {
      return undefined;
    }
  },
};
