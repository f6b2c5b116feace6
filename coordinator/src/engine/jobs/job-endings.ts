import { WombatError, type Clock } from '@wombat/proto';
import type { JobTarget } from '../../domain/model/job.js';
import { storeWaits, type Store, type Transaction } from '../../store/store.js';
import { GroupedWrites } from './grouped-writes.js';

/** What a target ends with. */
export interface Ending {
  readonly id: string;
  readonly hostId: string;
  readonly fields: Partial<JobTarget>;
}

export interface JobEndingsOptions {
  readonly store: Store;
  readonly clock: Clock;
}

/** Outcomes of all hosts that are stored in one transaction. */
export const endingsAtOnce = 500;

/** Writes the outcomes of targets that have none yet, and ends the jobs that have all of theirs. */
export class JobEndings {
  readonly #options: JobEndingsOptions;
  /** Job id -> targets without an outcome. Counted once: a job of thousands gets its outcomes one by one. */
  readonly #openCounts = new Map<string, number>();
  readonly #gathered = new GroupedWrites<Ending>({ write: (endings) => this.write(endings), atMost: endingsAtOnce, concernsAll: (error) => WombatError.is(error) && storeWaits.has(error.code) });

  constructor(options: JobEndingsOptions) {
    this.#options = options;
  }

  /** Together with what others bring in the same moment. */
  add(endings: readonly Ending[]): Promise<void> {
    return this.#gathered.add(endings);
  }

  async write(endings: readonly Ending[]): Promise<void> {
    const touched = new Map<string, number>();
    try {
      await this.#options.store.transaction(async (transaction) => {
        const targets = new Map((await transaction.jobTargets.many(endings.map(({ id }) => id))).map((target) => [target.id, target]));
        const ended = new Map<string, JobTarget>();
        for (const { id, hostId, fields } of endings) {
          const target = targets.get(id);
          if (!target || target.hostId !== hostId || target.outcome !== undefined || ended.has(id)) continue;
          // What was not sent cannot have run, whatever a host says.
          if (target.held && fields.outcome !== 'skipped') continue;
          ended.set(id, { ...target, ...fields });
          touched.set(target.jobId, (touched.get(target.jobId) ?? 0) + 1);
        }
        await transaction.jobTargets.updateAll([...ended.values()]);
        for (const [jobId, count] of touched) await this.#finishIfDone(transaction, jobId, count);
      });
    } catch (error) {
      // What was counted inside was undone.
      for (const jobId of touched.keys()) this.#openCounts.delete(jobId);
      throw error;
    }
  }

  async #finishIfDone(transaction: Transaction, jobId: string, ended: number): Promise<void> {
    const before = this.#openCounts.get(jobId);
    const open = before === undefined ? await transaction.jobTargets.count({ jobId, outcome: null }) : before - ended;
    this.#openCounts.set(jobId, open);
    if (open > 0) return;
    this.#openCounts.delete(jobId);
    const job = await transaction.jobs.get(jobId);
    if (job?.state === 'running') await transaction.jobs.update({ ...job, state: 'finished', finishedAt: this.#options.clock.now() });
  }
}
