import { Retention, type RetentionOptions } from './retention.js';

export interface EventRetentionOptions extends RetentionOptions {
  /** How many events are kept. */
  readonly keep: number;
}

const portion = 1_000;

/** Drops the oldest events past the number that is kept. */
export class EventRetention extends Retention {
  readonly #options: EventRetentionOptions;

  constructor(options: EventRetentionOptions) {
    super(options, { everyMs: 60_000, portion });
    this.#options = options;
  }

  /** Answers how many events were dropped. */
  async prune(): Promise<number> {
    const { store, keep } = this.#options;
    const upTo = (await store.read.events.lastSequence()) - keep;
    if (upTo <= 0) return 0;
    return await this.repeat(() => store.transaction((transaction) => transaction.events.drop(upTo, portion)));
  }
}
