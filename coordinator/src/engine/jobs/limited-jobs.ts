import { quoted, WombatError, type Clock } from '@wombat/proto';
import { boundsOf } from '../../domain/jobs/bounds.js';
import type { HeldTarget, JobProgress } from '../../domain/jobs/job-progress.js';
import { nextRelease, type NextRelease } from '../../domain/jobs/next-release.js';
import type { Job, JobTarget } from '../../domain/model/job.js';
import type { Fleet } from '../../fleet/fleet.js';
import type { Store, Transaction } from '../../store/store.js';
import { storedError } from '../events.js';
import { endingsAtOnce, type Ending, type JobEndings } from './job-endings.js';
import type { JobSender } from './job-sender.js';
import { absentMs, type Overdue } from './overdue.js';
import { ProgressBook } from './progress-book.js';
import { targetsNow } from './targets-now.js';

export interface LimitedJobsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly fleet: Pick<Fleet, 'isConnected'>;
  readonly sender: JobSender;
  readonly endings: JobEndings;
  readonly overdue: Overdue;
  /** Whether the coordinator has just started, so that hosts without a session are expected in a moment. */
  readonly gathersHosts: () => boolean;
}

/** What a job holds back, and what it waits for. */
export interface Hold {
  readonly count: number;
  readonly for: 'outcomes' | 'hosts' | 'group' | 'resume';
  /** Of a group: when it begins. */
  readonly at?: number;
}

/** A job as it was read, with limits. */
type LimitedJob = Job & Required<Pick<Job, 'limits'>>;

/** Released in one transaction. */
const releasedAtOnce = 500;
/** How often it is looked whether hosts have come while they are awaited. */
const hostsEveryMs = 250;

/**
 * Jobs that are not sent to all their targets at once. What is released is stored before it is sent, so that another
 * process on the same store goes on where this one has ended; what was released and not sent goes out when its host
 * opens a session. One look at a job at a time.
 */
export class LimitedJobs {
  readonly #options: LimitedJobsOptions;
  readonly #progress: ProgressBook;

  constructor(options: LimitedJobsOptions) {
    this.#options = options;
    this.#progress = new ProgressBook(options.store);
  }

  /** Its targets as they were stored a moment ago. */
  begin(job: Job, targets: readonly JobTarget[]): void {
    this.#progress.begin(job, targets);
  }

  /** Undefined where it holds back nothing. */
  async holdOf(job: Job): Promise<Hold | undefined> {
    if (!isLimited(job) || job.state === 'finished' || job.stopped) return undefined;
    const progress = await this.#progress.of(job.id);
    const next = this.#next(job, progress);
    const count = progress.held.size;
    if (next.kind === 'nothing') return undefined;
    if (next.kind === 'group') return { count, for: 'group', at: next.at };
    return { count, for: next.kind === 'resume' || next.kind === 'hosts' ? next.kind : 'outcomes' };
  }

  /** Releases what may go by now, ends what is over, and answers when to look again. */
  async look(jobId: string): Promise<number | void> {
    try {
      for (;;) {
        const job = await this.#options.store.read.jobs.get(jobId);
        if (!job || !isLimited(job) || job.state === 'finished') return void this.#progress.forget(jobId);
        const waitMs = await this.#step(job, await this.#progress.of(jobId));
        if (waitMs !== undefined) return waitMs === Infinity ? undefined : waitMs;
      }
    } catch (error) {
      // It may not be known what was kept.
      this.#progress.forget(jobId);
      throw error;
    }
  }

  /** Nothing of it is released any more. */
  async stop(transaction: Transaction, job: Job, why: WombatError): Promise<void> {
    const current = await transaction.jobs.get(job.id);
    if (current?.state === 'running' && !current.stopped) await transaction.jobs.update({ ...current, stopped: storedError(why) });
  }

  /** Lets it go on. @throws WombatError WO_CONFLICT where it does not pause */
  async resume(transaction: Transaction, { id }: Job): Promise<Job> {
    const job = (await transaction.jobs.get(id))!;
    const refusal = whyNotResumed(job);
    if (refusal) throw new WombatError('WO_CONFLICT', refusal, { hint: `see how it stands: wo job show ${quoted(id)}` });
    return transaction.jobs.update({ ...job, resumedAt: this.#options.clock.now() });
  }

  /** One thing that is due. Answers in how many milliseconds the next one is; undefined: at once. */
  async #step(job: LimitedJob, progress: JobProgress): Promise<number | undefined> {
    const now = this.#options.clock.now();
    const lookMs = job.timeoutMs + absentMs;
    const due = progress.sentBefore(now - lookMs);
    const { lost, leftMs } = this.#options.overdue.among(due, job.timeoutMs, ({ releasedAt }) => releasedAt);
    if (lost.length > 0) return this.#end(job, progress, lost.map(ending({ outcome: 'lost_during_run', finishedAt: now })));
    if (job.stopped && progress.held.size > 0) {
      return this.#end(job, progress, [...progress.held.values()].map(ending({ outcome: 'skipped', error: job.stopped, finishedAt: now })));
    }
    const lostInMs = due.length > 0 ? leftMs : (progress.sentFirstAt ?? Infinity) + lookMs - now;
    const next = this.#next(job, progress);
    switch (next.kind) {
      case 'release':
        return this.#release(job, progress, next.targets.slice(0, releasedAtOnce));
      case 'stop':
        return this.#options.store.transaction((transaction) => this.stop(transaction, job, tooManyFailures(job, progress))).then(() => undefined);
      case 'resume':
        if (job.pausedAt === undefined) await this.#change(job, { pausedAt: now });
        return lostInMs;
      case 'group':
        if (job.nextGroup?.released !== progress.released) await this.#change(job, { nextGroup: { released: progress.released, at: next.at } });
        return Math.min(lostInMs, next.at - now);
      case 'outcomes':
      case 'hosts':
        return Math.min(lostInMs, this.#options.gathersHosts() ? hostsEveryMs : Infinity);
      case 'nothing':
        return lostInMs;
    }
  }

  #next(job: LimitedJob, progress: JobProgress): NextRelease {
    const { fleet, clock, gathersHosts } = this.#options;
    const isAwaited = gathersHosts() ? (hostId: string) => !fleet.isConnected(hostId) : () => false;
    return nextRelease(boundsOf(job.limits, job.targetCount), progress, { ...job, isAwaited }, clock.now());
  }

  async #release(job: LimitedJob, progress: JobProgress, targets: readonly HeldTarget[]): Promise<undefined> {
    const { store, clock, sender } = this.#options;
    const releasedAt = clock.now();
    const { hosts, passedOver } = await targetsNow(store.read, job, targets, releasedAt);
    if (passedOver.length > 0) return this.#end(job, progress, passedOver);
    const released = await store.transaction(async ({ jobs, jobTargets }) => {
      // Who has written the job since then may have ended it, and another failure be one too many.
      if ((await jobs.get(job.id))?.revision !== job.revision || this.#next(job, progress).kind === 'stop') return undefined;
      const rows = await jobTargets.many(targets.map(({ id }) => id));
      return jobTargets.updateAll(rows.filter(({ held }) => held).map(({ held: _, ...row }) => ({ ...row, hostId: hosts.get(row.id) ?? row.hostId, releasedAt })));
    });
    if (!released) return;
    if (released.length < targets.length) this.#progress.forget(job.id);
    await sender.send(job, released);
    // Whoever has cancelled it before it was sent has asked hosts that did not know of it.
    if ((await store.read.jobs.get(job.id))?.cancelledAt) sender.cancel(job, released);
  }

  async #end(job: Job, progress: JobProgress, endings: readonly Ending[]): Promise<undefined> {
    for (let from = 0; from < endings.length; from += endingsAtOnce) await this.#options.endings.write(endings.slice(from, from + endingsAtOnce));
    // What is not as it was thought to be is read again.
    if (endings.some(({ id }) => progress.isOpen(id))) this.#progress.forget(job.id);
  }

  async #change(job: Job, fields: Partial<Job>): Promise<void> {
    await this.#options.store.transaction((transaction) => transaction.jobs.update({ ...job, ...fields }));
  }
}

function ending(fields: Ending['fields']): (target: HeldTarget) => Ending {
  return ({ id, hostId }) => ({ id, hostId, fields });
}

function isLimited(job: Job): job is LimitedJob {
  return job.limits !== undefined;
}

function whyNotResumed({ id, limits, state, stopped, resumedAt }: Job): string | undefined {
  if (state === 'finished') return `job ${id} is over`;
  if (stopped) return `job ${id} has stopped: ${stopped.message}`;
  if (!limits?.first) return `job ${id} was not asked to pause`;
  return resumedAt === undefined ? undefined : `job ${id} goes on already`;
}

function tooManyFailures({ id, targetCount }: Job, { failures }: JobProgress): WombatError {
  return new WombatError('WO_TOO_MANY_FAILURES', `${failures} of ${targetCount} targets have failed: nothing more is sent`, {
    hint: `see what went wrong: wo job show ${id}; then run it where it was not ok: wo job rerun ${id} --failed`,
  });
}
