import { WombatError, type Clock } from '@wombat/proto';

export interface TokenBucketOptions {
  readonly perSecond: number;
  /** How many may be taken at once after a rest. */
  readonly burst: number;
}

/** A rate limit: fills with `perSecond` up to `burst`. Waiters reserve, so that they are served in turn. */
export class TokenBucket {
  private level: number;
  private filledAt: number;

  constructor(
    private readonly clock: Clock,
    private readonly options: TokenBucketOptions,
  ) {
    this.level = options.burst;
    this.filledAt = clock.monotonic();
  }

  /** Tokens that could be taken now; below zero when they are reserved for waiters. */
  available(): number {
    const now = this.clock.monotonic();
    this.level = Math.min(this.options.burst, this.level + ((now - this.filledAt) / 1000) * this.options.perSecond);
    this.filledAt = now;
    return this.level;
  }

  /** Until the next one can be taken; 0: now. */
  waitMs(): number {
    return Math.max(0, Math.ceil(((1 - this.available()) / this.options.perSecond) * 1000));
  }

  tryTake(): boolean {
    if (this.available() < 1) return false;
    this.level -= 1;
    return true;
  }

  /**
   * Takes one, waiting for its turn.
   * @throws WombatError WO_RATE_LIMITED at once when the turn would come after more than `maximumWaitMs`
   */
  async take(maximumWaitMs: number, what: string, signal?: AbortSignal): Promise<void> {
    const missing = 1 - this.available();
    const waitMs = missing <= 0 ? 0 : (missing / this.options.perSecond) * 1000;
    if (waitMs > maximumWaitMs) throw new WombatError('WO_RATE_LIMITED', `too many at once: ${what}`);
    this.level -= 1;
    if (waitMs > 0) await this.clock.sleep(waitMs, signal);
  }
}

/** One bucket for each key (an address), forgotten when it is full again. */
export class KeyedTokenBuckets {
  private readonly buckets = new Map<string, TokenBucket>();

  constructor(
    private readonly clock: Clock,
    private readonly options: TokenBucketOptions,
    /** Keys remembered at once; the oldest go first. */
    private readonly maximumKeys = 10_000,
  ) {}

  /** Whether one could be taken for the key, without taking it. */
  isOpen(key: string): boolean {
    const bucket = this.buckets.get(key);
    return bucket === undefined || bucket.available() >= 1;
  }

  /** Takes one for the key, or answers how long it would have to wait. */
  take(key: string): { readonly taken: boolean; readonly waitMs: number } {
    const taken = this.tryTake(key);
    return { taken, waitMs: taken ? 0 : this.buckets.get(key)!.waitMs() };
  }

  tryTake(key: string): boolean {
    let bucket = this.buckets.get(key);
    if (!bucket) {
      this.makeRoom();
      bucket = new TokenBucket(this.clock, this.options);
      this.buckets.set(key, bucket);
    }
    return bucket.tryTake();
  }

  private makeRoom(): void {
    if (this.buckets.size < this.maximumKeys) return;
    for (const [key, bucket] of this.buckets) if (bucket.available() >= this.options.burst) this.buckets.delete(key);
    const oldest = this.buckets.keys().next();
    if (this.buckets.size >= this.maximumKeys && !oldest.done) this.buckets.delete(oldest.value);
  }
}
