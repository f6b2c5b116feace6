import { JobProgress } from '../../domain/jobs/job-progress.js';
import type { Job, JobTarget } from '../../domain/model/job.js';
import type { Change, Store } from '../../store/store.js';

/** A job that is being read, and what of it is committed meanwhile. */
interface Reading {
  readonly progress: Promise<JobProgress>;
  readonly meanwhile: JobTarget[];
}

/** How far the jobs with limits are: each is read from the store once, then told of each commit. */
export class ProgressBook {
  readonly #store: Store;
  readonly #known = new Map<string, JobProgress>();
  readonly #reading = new Map<string, Reading>();

  constructor(store: Store) {
    this.#store = store;
    store.onCommit(({ changes }) => this.#see(changes));
  }

  /** Targets that were stored a moment ago need not be read again. */
  begin({ id, state }: Job, targets: readonly JobTarget[]): void {
    if (state === 'finished' || this.#known.has(id) || this.#reading.has(id)) return;
    this.#known.set(id, new JobProgress(targets.filter(({ outcome }) => outcome === undefined), {}));
  }

  async of(jobId: string): Promise<JobProgress> {
    const known = this.#known.get(jobId) ?? this.#reading.get(jobId)?.progress;
    if (known) return known;
    const meanwhile: JobTarget[] = [];
    const progress = this.#read(jobId, meanwhile);
    this.#reading.set(jobId, { progress, meanwhile });
    return progress;
  }

  /** It is read again when somebody asks for it. */
  forget(jobId: string): void {
    this.#known.delete(jobId);
  }

  async #read(jobId: string, meanwhile: readonly JobTarget[]): Promise<JobProgress> {
    try {
      const progress = await this.#store.transaction(async ({ jobTargets }) =>
        new JobProgress(await jobTargets.find({ jobId, outcome: null }), await jobTargets.countBy('outcome', { jobId })));
      for (const target of meanwhile) progress.see(target);
      this.#known.set(jobId, progress);
      return progress;
    } finally {
      this.#reading.delete(jobId);
    }
  }

  #see(changes: readonly Change[]): void {
    if (this.#known.size === 0 && this.#reading.size === 0) return;
    for (const { kind, object } of changes) {
      if (kind !== 'jobTargets' || !object) continue;
      const target = object as JobTarget;
      this.#known.get(target.jobId)?.see(target);
      this.#reading.get(target.jobId)?.meanwhile.push(target);
    }
  }
}
