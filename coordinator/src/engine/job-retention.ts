import type { Job } from '../domain/model/job.js';
import { theseInTurns } from './jobs/in-turns.js';
import { Retention, type RetentionOptions } from './retention.js';

export interface JobRetentionOptions extends RetentionOptions {
  /** A finished job is kept this long after its last change. */
  readonly keepMs: number;
  /** What all finished jobs may take in the store, with their outputs. */
  readonly keepBytes: number;
}

const portion = 100;
/** Whoever asked for a large output has this long to read it, whatever it takes. */
const readingMs = 60 * 60_000;

/** Drops finished jobs with their outputs: what is too old, and the oldest of what takes too much. */
export class JobRetention extends Retention {
  readonly #options: JobRetentionOptions;
  /** Job id -> what it takes. A finished job changes no more, and is measured once. */
  #sizes = new Map<string, number>();

  constructor(options: JobRetentionOptions) {
    super(options, { everyMs: 10 * 60_000, portion });
    this.#options = options;
  }

  async prune(): Promise<void> {
    const { store, clock, log, keepMs, keepBytes } = this.#options;
    const now = clock.now();
    const newestFirst = (await store.read.jobs.ids({ state: 'finished' })).reverse();
    const sizes = new Map<string, number>();
    let [bytes, tooLarge] = [0, 0];
    for await (const jobs of theseInTurns(store.read.jobs, newestFirst)) {
      for (const job of jobs) {
        if (this.isStopped()) return;
        const size = await this.#sizeOf(job);
        const isTooOld = job.updatedAt < now - keepMs;
        const isTooLarge = bytes + size > keepBytes && job.updatedAt < now - readingMs;
        if (isTooOld || isTooLarge) await this.#drop(job.id);
        else [bytes] = [bytes + size, sizes.set(job.id, size)];
        if (isTooLarge && !isTooOld) tooLarge += 1;
      }
    }
    this.#sizes = sizes;
    if (tooLarge > 0) log.info({ jobs: tooLarge, keepBytes }, 'finished jobs were dropped before their time: together they took more than history.jobBytes');
  }

  async #sizeOf({ id }: Job): Promise<number> {
    return this.#sizes.get(id) ?? await this.#options.store.read.jobTargets.bytes({ jobId: id });
  }

  /** Its targets go first, a portion in each transaction. */
  async #drop(jobId: string): Promise<void> {
    const { store } = this.#options;
    await this.repeat(async () => {
      const ids = await store.read.jobTargets.stale({ jobId }, Number.MAX_SAFE_INTEGER, portion);
      await store.transaction(async (transaction) => {
        for (const id of ids) await transaction.jobTargets.delete(id);
        if (ids.length < portion) await transaction.jobs.delete(jobId);
      });
      return ids.length;
    });
  }
}
