import { WombatError } from '@wombat/proto';

/** How long and how many. 0: no bound. */
export interface ConsoleBounds {
  /** Without a byte in either direction. */
  readonly idleTimeoutMs: number;
  readonly maximumMs: number;
  /** At a time, of this coordinator. */
  readonly atOnce: number;
}

/** Ends a console that is idle, or open, for too long. */
export class ConsoleTimer {
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #idle: NodeJS.Timeout | undefined;

  constructor({ idleTimeoutMs, maximumMs }: ConsoleBounds, end: (error: WombatError) => void) {
    const after = (ms: number, why: string): NodeJS.Timeout | undefined => {
      if (ms === 0) return undefined;
      const timer = setTimeout(() => end(new WombatError('WO_CONSOLE_TIMED_OUT', why)), ms);
      this.#timers.push(timer);
      return timer;
    };
    this.#idle = after(idleTimeoutMs, `nothing was typed or written for ${idleTimeoutMs / 1000} s`);
    after(maximumMs, `it was open for ${maximumMs / 1000} s`);
  }

  /** Something was typed or written. */
  touch(): void {
    this.#idle?.refresh();
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}
