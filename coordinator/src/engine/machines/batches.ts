import { WombatError } from '@wombat/proto';

export interface BatchesOptions<Item, Result> {
  /** Batches under way at once. */
  readonly atOnce: number;
  /** Items of one batch. */
  readonly largest: number;
  /** Resolves when a batch may begin. */
  readonly enter: (signal: AbortSignal) => Promise<void>;
  /** One result for each item, in their order; what it throws is the end of them all. */
  readonly run: (items: readonly Item[], signal: AbortSignal) => Promise<readonly Result[]>;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A bounded number of workers that take what has gathered: one item when there is little to do, whole
 * batches when all workers are busy. Nothing waits for a batch to fill.
 */
export class Batches<Item, Result> {
  readonly #options: BatchesOptions<Item, Result>;
  readonly #waiting: Waiting<Item, Result>[] = [];
  readonly #workers = new Set<Promise<void>>();
  /** Those that will look at what is waiting once more. */
  #looking = 0;
  readonly #stop = new AbortController();

  constructor(options: BatchesOptions<Item, Result>) {
    this.#options = options;
  }

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#stop.signal.aborted) return reject(this.#stop.signal.reason as Error);
      this.#waiting.push({ item, resolve, reject });
      if (this.#looking >= this.#options.atOnce) return;
      this.#looking += 1;
      const worker = this.#work().finally(() => this.#workers.delete(worker));
      this.#workers.add(worker);
    });
  }

  /** Ends what is under way and resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.#stop.abort(new WombatError('WO_UNAVAILABLE', 'the coordinator stops'));
    await Promise.all(this.#workers);
  }

  async #work(): Promise<void> {
    const { signal } = this.#stop;
    while (this.#waiting.length > 0) {
      await this.#options.enter(signal).catch(() => undefined);
      const batch = this.#waiting.splice(0, signal.aborted ? Infinity : this.#options.largest);
      try {
        signal.throwIfAborted();
        if (batch.length === 0) continue;
        const results = await this.#options.run(batch.map(({ item }) => item), signal);
        batch.forEach(({ resolve }, index) => resolve(results[index]!));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#looking -= 1;
  }
}
