import { WombatError, type Clock } from '@wombat/proto';
import { jobIdOf } from '../../domain/jobs/target-key.js';
import type { JobTarget } from '../../domain/model/job.js';
import { storeWaits, type Store, type Transaction } from '../../store/store.js';
import { GroupedWrites } from './grouped-writes.js';
import { OpenTargets } from './open-targets.js';

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
  readonly #open = new OpenTargets();
  readonly #gathered = new GroupedWrites<Ending>({
    write: (endings) => this.write(endings),
    atMost: endingsAtOnce,
    concernsAll: (error) => WombatError.is(error) && storeWaits.has(error.code),
    expectsMore: (size) => this.#open.size > size,
  });

  constructor(options: JobEndingsOptions) {
    this.#options = options;
  }

  /** Together with what others bring in the same moment. */
  add(endings: readonly Ending[]): Promise<void> {
    return this.#gathered.add(endings);
  }

  /** Targets that were stored a moment ago and are changed by their endings alone. */
  expect(jobId: string, targets: readonly JobTarget[]): void {
    if (targets.length === 0) return;
    this.#open.add(jobId, targets);
    this.#openCounts.set(jobId, targets.length);
  }

  async write(endings: readonly Ending[]): Promise<void> {
    const touched = new Map<string, number>();
    try {
      await this.#options.store.transaction(async (transaction) => {
        const targets = await this.#targetsOf(transaction, endings);
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
      for (const jobId of new Set(endings.map(({ id }) => jobIdOf(id)))) {
        this.#openCounts.delete(jobId);
        this.#open.forget(jobId);
      }
      throw error;
    }
  }

  async #targetsOf(transaction: Transaction, endings: readonly Ending[]): Promise<Map<string, JobTarget>> {
    const targets = new Map<string, JobTarget>();
    const unknown: string[] = [];
    for (const { id } of endings) {
      const known = this.#open.take(id);
      if (known) targets.set(id, known);
      else unknown.push(id);
    }
    for (const target of await transaction.jobTargets.many(unknown)) if (!targets.has(target.id)) targets.set(target.id, target);
    return targets;
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
