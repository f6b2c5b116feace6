export interface BackoffOptions {
  /** Delay before the first retry. */
  readonly initialMs: number;
  readonly maximumMs: number;
  /** @default 2 */
  readonly factor?: number;
  /** Part of the delay that is random, 0..1. @default 0.5 */
  readonly jitter?: number;
}

/**
 * Delay before retry number `attempt` (0 is the first):
 * `min(maximum, initial * factor^attempt)`, of which the jitter part is drawn at random.
 */
export function backoffMs(attempt: number, options: BackoffOptions, random: () => number = Math.random): number {
  const { initialMs, maximumMs, factor = 2, jitter = 0.5 } = options;
  const full = Math.min(maximumMs, initialMs * factor ** Math.min(attempt, 60));
  return Math.round(full * (1 - jitter) + full * jitter * random());
}
