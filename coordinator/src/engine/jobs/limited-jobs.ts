import { quoted, WombatError, type Clock } from '@wombat/proto';
import { boundsOf } from '../../domain/jobs/bounds.js';
import { JobProgress, type HeldTarget } from '../../domain/jobs/job-progress.js';
import { nextRelease, type NextRelease } from '../../domain/jobs/next-release.js';
import type { Job, JobTarget } from '../../domain/model/job.js';
import type { Fleet } from '../../fleet/fleet.js';
import type { Change, Store, Transaction } from '../../store/store.js';
import { storedError } from '../events.js';
import { endingsAtOnce, type Ending, type JobEndings } from './job-endings.js';
import type { JobSender } from './job-sender.js';
import { absentMs, type Overdue } from './overdue.js';

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
  readonly for: 'outcomes' | 'group' | 'resume';
  /** Of a group: when it begins. */
  readonly at?: number;
}

/** A job as it was read, with limits. */
type LimitedJob = Job & Required<Pick<Job, 'limits'>>;

/** A job that is being read, and what of it is committed meanwhile. */
interface Reading {
  readonly progress: Promise<JobProgress>;
  readonly meanwhile: JobTarget[];
}

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
  /** Job id -> how far it is. Read from the store when it is not here, then told of each commit. */
  readonly #progress = new Map<string, JobProgress>();
  readonly #reading = new Map<string, Reading>();

  constructor(options: LimitedJobsOptions) {
    this.#options = options;
    options.store.onCommit(({ changes }) => this.#see(changes));
  }

  /** Targets that were stored a moment ago need not be read again. */
  begin(job: Job, targets: readonly JobTarget[] | undefined): void {
    if (targets && job.state === 'running' && !this.#progress.has(job.id) && !this.#reading.has(job.id)) this.#progress.set(job.id, new JobProgress(targets.filter(({ outcome }) => outcome === undefined), {}));
  }

  /** Undefined where it holds back nothing. */
  async holdOf(job: Job): Promise<Hold | undefined> {
    if (!isLimited(job) || job.state === 'finished' || job.stopped) return undefined;
    const progress = await this.#progressOf(job.id);
    const next = this.#next(job, progress);
    const count = progress.held.size;
    if (next.kind === 'nothing') return undefined;
    if (next.kind === 'group') return { count, for: 'group', at: next.at };
    return { count, for: next.kind === 'resume' ? 'resume' : 'outcomes' };
  }

  /** Releases what may go by now, ends what is over, and answers when to look again. */
  async look(jobId: string): Promise<number | void> {
    try {
      for (;;) {
        const job = await this.#options.store.read.jobs.get(jobId);
        if (!job || !isLimited(job) || job.state === 'finished') return void this.#progress.delete(jobId);
        const waitMs = await this.#step(job, await this.#progressOf(jobId));
        if (waitMs !== undefined) return waitMs === Infinity ? undefined : waitMs;
      }
    } catch (error) {
      // It may not be known what was kept.
      this.#progress.delete(jobId);
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
    if (lost.length > 0) return this.#end(job, lost, { outcome: 'lost_during_run', finishedAt: now });
    if (job.stopped && progress.held.size > 0) return this.#end(job, [...progress.held.values()], { outcome: 'skipped', error: job.stopped, finishedAt: now });
    const lostInMs = due.length > 0 ? leftMs : (progress.sentFirstAt ?? Infinity) + lookMs - now;
    const next = this.#next(job, progress);
    switch (next.kind) {
      case 'release':
        return this.#release(job, next.targets.slice(0, releasedAtOnce));
      case 'stop':
        return this.#options.store.transaction((transaction) => this.stop(transaction, job, tooManyFailures(job, progress))).then(() => undefined);
      case 'resume':
        if (job.pausedAt === undefined) await this.#change(job, { pausedAt: now });
        return lostInMs;
      case 'group':
        if (job.nextGroup?.released !== progress.released) await this.#change(job, { nextGroup: { released: progress.released, at: next.at } });
        return Math.min(lostInMs, next.at - now);
      case 'outcomes':
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

  async #progressOf(jobId: string): Promise<JobProgress> {
    const known = this.#progress.get(jobId) ?? this.#reading.get(jobId)?.progress;
    if (known) return known;
    const meanwhile: JobTarget[] = [];
    const progress = this.#read(jobId, meanwhile);
    this.#reading.set(jobId, { progress, meanwhile });
    return progress;
  }

  async #read(jobId: string, meanwhile: readonly JobTarget[]): Promise<JobProgress> {
    try {
      const progress = await this.#options.store.transaction(async ({ jobTargets }) =>
        new JobProgress(await jobTargets.find({ jobId, outcome: null }), await jobTargets.countBy('outcome', { jobId })));
      for (const target of meanwhile) progress.see(target);
      this.#progress.set(jobId, progress);
      return progress;
    } finally {
      this.#reading.delete(jobId);
    }
  }

  #see(changes: readonly Change[]): void {
    if (this.#progress.size === 0 && this.#reading.size === 0) return;
    for (const { kind, object } of changes) {
      if (kind !== 'jobTargets' || !object) continue;
      const target = object as JobTarget;
      this.#progress.get(target.jobId)?.see(target);
      this.#reading.get(target.jobId)?.meanwhile.push(target);
    }
  }

  async #release(job: LimitedJob, targets: readonly HeldTarget[]): Promise<undefined> {
    const { store, clock, sender } = this.#options;
    const releasedAt = clock.now();
    const released = await store.transaction(async ({ jobs, jobTargets }) => {
      // Who has written the job since then may have ended it.
      if ((await jobs.get(job.id))?.revision !== job.revision) return undefined;
      const rows = await jobTargets.many(targets.map(({ id }) => id));
      return jobTargets.updateAll(rows.filter(({ held }) => held).map(({ held: _, ...row }) => ({ ...row, releasedAt })));
    });
    if (!released) return;
    await sender.send(job, released);
    // Whoever has cancelled it before it was sent has asked hosts that did not know of it.
    if ((await store.read.jobs.get(job.id))?.stopped?.code === 'WO_CANCELLED') sender.cancel(job, released);
  }

  async #end(job: Job, targets: readonly HeldTarget[], fields: Ending['fields']): Promise<undefined> {
    for (let from = 0; from < targets.length; from += endingsAtOnce) {
      await this.#options.endings.write(targets.slice(from, from + endingsAtOnce).map(({ id, hostId }) => ({ id, hostId, fields })));
    }
    // Whatever was not there to be ended is not to be ended again and again.
    this.#progress.delete(job.id);
  }

  async #change(job: Job, fields: Partial<Job>): Promise<void> {
    await this.#options.store.transaction((transaction) => transaction.jobs.update({ ...job, ...fields }));
  }
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
