import { jobIdOf } from '../../domain/jobs/target-key.js';
import type { JobTarget } from '../../domain/model/job.js';

/** Of all jobs; those of jobs beyond it are read from the store, as after a restart. */
const keptAtMost = 20_000;

/** Stored targets that wait for their outcome: thousands come in a moment, and each would have to be read before it is written. */
export class OpenTargets {
  readonly #jobs = new Map<string, Map<string, JobTarget>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** A job that was stored a moment ago. */
  add(jobId: string, targets: readonly JobTarget[]): void {
    if (this.#size + targets.length > keptAtMost) return;
    this.#jobs.set(jobId, new Map(targets.map((target) => [target.id, target])));
    this.#size += targets.length;
  }

  /** Answers a target that is known, and forgets it: it is about to be changed. */
  take(id: string): JobTarget | undefined {
    const jobId = jobIdOf(id);
    const targets = this.#jobs.get(jobId);
    const target = targets?.get(id);
    if (!targets || !target) return undefined;
    targets.delete(id);
    this.#size -= 1;
    if (targets.size === 0) this.#jobs.delete(jobId);
    return target;
  }

  forget(jobId: string): void {
    this.#size -= this.#jobs.get(jobId)?.size ?? 0;
    this.#jobs.delete(jobId);
  }
}
