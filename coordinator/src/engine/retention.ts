import type { Clock } from '@wombat/proto';
import type { Store } from '../store/store.js';
import type { Log } from './ports.js';

export interface RetentionOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

export interface RetentionPace {
  readonly everyMs: number;
  /** Rows of one transaction: more would hold up others. */
  readonly portion: number;
}

/** Drops, now and then and in small portions, what need not be kept any longer. */
export abstract class Retention {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #pace: RetentionPace;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor({ clock, log }: RetentionOptions, pace: RetentionPace) {
    this.#clock = clock;
    this.#log = log;
    this.#pace = pace;
  }

  start(): void {
    this.#running ??= this.#run(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  abstract prune(): Promise<unknown>;

  protected isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** As long as there are whole portions. Answers how much was done. */
  protected async repeat(work: () => Promise<number>): Promise<number> {
    let all = 0;
    for (let done = this.#pace.portion; done === this.#pace.portion && !this.isStopped(); all += done) done = await work();
    return all;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.prune();
      } catch (error) {
        this.#log.warn({ err: error }, 'what need not be kept could not be dropped');
      }
      await this.#clock.sleep(this.#pace.everyMs, signal).catch(() => undefined);
    }
  }
}
