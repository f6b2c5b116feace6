import { backoffMs, type BackoffOptions, type ErrorCode, type WombatError } from '@wombat/proto';
import type { SessionEnd } from './session-stream.js';

/** An agent finds a coordinator that is back within the largest delay; whoever waits for the agent is promised 10 s. */
export const usualBackoff: BackoffOptions = { initialMs: 200, maximumMs: 8_000 };
const backoffs: { readonly [code in ErrorCode]?: BackoffOptions } = {
  // Whoever was revoked is refused until somebody does something about it.
  WO_CERTIFICATE_REFUSED: { initialMs: 5_000, maximumMs: 5 * 60_000 },
  // Another machine has this identity: until one of the two is enrolled anew, the other is not disturbed often.
  WO_DUPLICATE_IDENTITY: { initialMs: 5_000, maximumMs: 60_000 },
};
/** A session that held this long was a good one: the next try comes quickly. */
const settledMs = 10_000;

/** How long an agent waits from one try to the next. */
export class Patience {
  readonly #usual: BackoffOptions;
  readonly #random: () => number;
  /**
   * Since the last good session, for each way to fail: a coordinator that can be reached again and does
   * not serve yet is tried as soon as one that has just gone. Ways that take turns do not begin anew.
   */
  readonly #failures = new Map<ErrorCode, number>();

  constructor(usual: BackoffOptions = usualBackoff, random: () => number = Math.random) {
    this.#usual = usual;
    this.#random = random;
  }

  /** `triedForMs`: from the beginning of the try to its end. */
  delayMs(error: WombatError, { openForMs, retryAfterMs }: Omit<SessionEnd, 'error'>, triedForMs: number): number {
    if (openForMs >= settledMs) this.#failures.clear();
    const attempt = this.#failures.get(error.code) ?? 0;
    this.#failures.set(error.code, attempt + 1);
    const backoff = backoffs[error.code] ?? this.#usual;
    // Who waited for an answer in vain has waited already.
    const waitedMs = openForMs === 0 ? triedForMs : 0;
    return Math.max(retryAfterMs, backoffMs(0, backoff, this.#random), Math.round(backoffMs(attempt, backoff, this.#random) - waitedMs));
  }
}
