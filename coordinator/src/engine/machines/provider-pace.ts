import type { Clock } from '@wombat/proto';
import { TokenBucket } from '../../limits/token-bucket.js';

/** Whatever a provider says, it is asked again after this. */
export const longestPauseMs = 15 * 60_000;
/** What throttles without saying for how long. */
const unsaidPauseMs = 5_000;

/** How fast one provider is asked: so many calls a second, and none before it said. */
export class ProviderPace {
  readonly #clock: Clock;
  readonly #bucket: TokenBucket;
  #pausedUntilMs = 0;

  constructor(clock: Clock, callsPerSecond: number) {
    this.#clock = clock;
    this.#bucket = new TokenBucket(clock, { perSecond: callsPerSecond, burst: 2 * callsPerSecond });
  }

  /** Resolves when a call may be made. */
  async enter(signal: AbortSignal): Promise<void> {
    await this.#bucket.take(Infinity, 'calls of a provider', signal);
    await this.quiet(signal);
  }

  /** Resolves when the provider does not ask to be left alone. */
  async quiet(signal: AbortSignal): Promise<void> {
    for (let waitMs = this.#pauseMs(); waitMs > 0; waitMs = this.#pauseMs()) await this.#clock.sleep(waitMs, signal);
  }

  /** The provider asks to be left alone for a while. */
  throttled(retryAfterMs = unsaidPauseMs): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.monotonic() + Math.min(longestPauseMs, retryAfterMs));
  }

  #pauseMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#clock.monotonic());
  }
}
