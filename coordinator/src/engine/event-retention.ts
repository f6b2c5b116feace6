import type { Clock } from '@wombat/proto';
import type { Store } from '../store/store.js';
import type { Log } from './ports.js';

export interface EventRetentionOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** How many events are kept. */
  readonly keep: number;
}

const everyMs = 60_000;
/** Deleting more rows at once would hold up the event loop. */
const portion = 1_000;

/** Drops the oldest events past the number that is kept. */
export class EventRetention {
  readonly #options: EventRetentionOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: EventRetentionOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Answers how many events were dropped. */
  async prune(): Promise<number> {
    const { store, keep } = this.#options;
    const upTo = (await store.read.events.lastSequence()) - keep;
    if (upTo <= 0) return 0;
    let dropped = 0;
    for (let last = portion; last === portion && !this.#stop.signal.aborted; ) {
      last = await store.transaction((transaction) => transaction.events.drop(upTo, portion));
      dropped += last;
    }
    return dropped;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.prune();
      } catch (error) {
        this.#options.log.warn({ err: error }, 'old events could not be dropped');
      }
      await this.#options.clock.sleep(everyMs, signal).catch(() => undefined);
    }
  }
}
