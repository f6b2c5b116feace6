import { limits, WombatError, type Clock, type Ids } from '@wombat/proto';
import type { ExecOutcome } from '@wombat/proto/agent';
import type { Action } from '@wombat/proto/types';
import { targetKey } from '../../domain/jobs/target-key.js';
import type { Job, JobLimits, JobTarget, TargetKind } from '../../domain/model/job.js';
import { presentPhases } from '../../domain/states/node-states.js';
import type { Fleet } from '../../fleet/fleet.js';
import type { Store, Transaction } from '../../store/store.js';
import type { Log, Secrets } from '../ports.js';
import { JobEndings } from './job-endings.js';
import { JobSender } from './job-sender.js';
import { LimitedJobs, type Hold } from './limited-jobs.js';
import { LiveOutputs } from './live-outputs.js';
import { newTarget } from './new-target.js';
import { outcomeFields, type OutputReader } from './outcome-fields.js';
import type { Resolution } from './resolve-targets.js';
import { absentMs, Overdue } from './overdue.js';
import { openedAction, storedAction } from './stored-action.js';

export interface JobServiceOptions {
  readonly store: Store;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly secrets: Secrets;
  readonly log: Log;
  /** Whether the coordinator has just started, so that hosts without a session are expected in a moment. */
  readonly gathersHosts: () => boolean;
}

export interface JobRequest {
  readonly principal: string;
  /** Where and how many, as `requireTargets` has found. */
  readonly resolution: Resolution;
  readonly on?: TargetKind;
  /** Whose targets and command these are. */
  readonly rerunOf?: string;
  /** Says nothing where it is a command of releases, which the resolution has. */
  readonly action: Action;
  readonly timeoutMs: number;
  /** Also on nodes that do not run. */
  readonly all: boolean;
  readonly expect?: 'present';
  readonly limits?: JobLimits;
  readonly live?: true;
}

/** A job as it was stored a moment ago. */
export interface NewJob {
  readonly job: Job;
  readonly targets: readonly JobTarget[];
}

/** Commands for many targets: one outcome each, also when the coordinator restarts in between. */
export class JobService {
  readonly #options: JobServiceOptions;
  readonly #endings: JobEndings;
  readonly #sender: JobSender;
  readonly #overdue: Overdue;
  readonly #limited: LimitedJobs;
  /** What commands write that still run. */
  readonly live = new LiveOutputs();

  constructor(options: JobServiceOptions) {
    this.#options = options;
    this.#endings = new JobEndings(options);
    this.#sender = new JobSender({ ...options, endings: this.#endings });
    this.#overdue = new Overdue(options);
    this.#limited = new LimitedJobs({ ...options, endings: this.#endings, sender: this.#sender, overdue: this.#overdue });
  }

  /** Stores the job with its targets: what comes to match later is none. @throws WombatError WO_INVALID_ARGUMENT when it is too large to be sent */
  async insert(transaction: Transaction, request: JobRequest): Promise<NewJob> {
    const { resolution: { text, targets, sample, lanes, commands }, action, on, rerunOf, all, expect, limits: jobLimits, live } = request;
    const now = this.#options.clock.now();
    const rules = { all, expectsPresent: expect === 'present', isHeld: jobLimits !== undefined, lanes, commands, now, isConnected: (hostId: string) => this.#options.fleet.isConnected(hostId) };
    const rows = targets.map((target) => newTarget(target, rules));
    const isOver = rows.every(({ outcome }) => outcome !== undefined);
    const id = this.#options.ids.next('job');
    const job = await transaction.jobs.insert({
      id, name: id, generation: 1, observedGeneration: 0, principal: request.principal, expression: text, ...(on && { on }), ...(rerunOf && { rerunOf }), ...(sample && { sample }), all,
      ...(expect && { expect }), ...(jobLimits && { limits: jobLimits }), ...(live && { live }),
      action: storedAction(id, action, this.#options.secrets), ...(commands && { command: commands.stored }), timeoutMs: request.timeoutMs, targetCount: targets.length,
      ...(isOver ? { state: 'finished', finishedAt: now } : { state: 'running' }),
    });
    const releaseIds = commands ? Object.keys(commands.stored.actions) : [undefined];
    for (const releaseId of releaseIds) checkSize(this.#sender.encode(job, releaseId).length, action);
    return { job, targets: await transaction.jobTargets.insertAll(rows.map((row) => ({ ...row, id: targetKey(id, row.targetId), jobId: id }))) };
  }

  /** What a stored job was asked to do, its secrets among it: for another job alone, never for an answer. */
  actionOf(job: Job): Action {
    return openedAction(job, this.#options.secrets);
  }

  /**
   * Sends a stored job to the targets that have no outcome, and answers the job as it is then. `targets`: all of them, by
   * whoever has just stored them. What has limits is sent by the looks at it.
   */
  async send(job: Job, targets?: readonly JobTarget[]): Promise<Job> {
    if (job.limits) {
      if (targets) this.#limited.begin(job, targets);
    } else {
      if (targets) this.#endings.expect(job.id, targets.filter(isOpen));
      await this.#sendOpen(job, targets ?? (await this.#openTargets(job.id)));
    }
    return (await this.#options.store.read.jobs.get(job.id)) ?? job;
  }

  /** What of it is not sent yet. */
  holdOf(job: Job): Promise<Hold | undefined> {
    return this.#limited.holdOf(job);
  }

  /** Sent again to a host that came back: it runs each (job, target) at most once. What was cancelled meanwhile is not run there any more. */
  async resend(hostId: string): Promise<void> {
    const { read } = this.#options.store;
    const jobs = await read.jobs.find({ state: 'running' });
    if (jobs.length === 0) return;
    // Many hosts come back at once, and a job may have targets on all of them: only those of this host are read.
    const targetIds = [hostId, ...(await read.nodes.ids({ hostId, phase: presentPhases }))];
    for (const job of jobs) {
      const targets = (await read.jobTargets.many(targetIds.map((targetId) => targetKey(job.id, targetId)))).filter(isOpen);
      if (job.cancelledAt) this.#sender.cancel(job, targets.filter((target) => target.hostId === hostId));
      else this.#sender.resend(job, hostId, targets);
    }
  }

  /** Stored first: a host that is away, or a coordinator that starts again, hears of it too. */
  async cancel(job: Job): Promise<void> {
    await this.#options.store.transaction(async (transaction) => {
      const current = await transaction.jobs.get(job.id);
      if (current?.state !== 'running') return;
      if (!current.cancelledAt) await transaction.jobs.update({ ...current, cancelledAt: this.#options.clock.now() });
      if (job.limits) await this.#limited.stop(transaction, job, notSent());
    });
    this.#sender.cancel(job, await this.#openTargets(job.id));
  }

  /** Lets a job go on that pauses. @throws WombatError WO_CONFLICT */
  resume(transaction: Transaction, job: Job): Promise<Job> {
    return this.#limited.resume(transaction, job);
  }

  /** Stores outcomes; what it answers may be forgotten by the agent. */
  async outcomes(hostId: string, outcomes: readonly ExecOutcome[]): Promise<void> {
    await this.#endings.add(await Promise.all(outcomes.map(async (outcome) => {
      const id = targetKey(outcome.jobId, outcome.targetId);
      return { id, hostId, fields: await outcomeFields(outcome, this.#reader(hostId, outcome)) };
    })));
  }

  async all(): Promise<readonly string[]> {
    return (await this.#options.store.read.jobs.find({ state: 'running' })).map((job) => job.id);
  }

  /** A job whose time is over ends: what has not answered is lost. Answers when to look again. */
  async reconcile(jobId: string): Promise<number | void> {
    const job = await this.#options.store.read.jobs.get(jobId);
    if (!job || job.limits) return this.#limited.look(jobId);
    if (job.state === 'finished') return;
    const now = this.#options.clock.now();
    const soonestMs = job.createdAt + job.timeoutMs + absentMs - now;
    const awaitedMs = await this.#sender.look(job, soonestMs <= 0);
    if (soonestMs > 0) return Math.min(soonestMs, awaitedMs);
    const open = await this.#openTargets(jobId);
    const { lost, leftMs } = this.#overdue.among(open, job.timeoutMs, () => job.createdAt);
    const fields = { outcome: 'lost_during_run', finishedAt: now } as const;
    if (lost.length > 0) await this.#endings.write(lost.map(({ id, hostId }) => ({ id, hostId, fields })));
    return lost.length < open.length ? leftMs : undefined;
  }

  async #sendOpen(job: Job, targets: readonly JobTarget[]): Promise<void> {
    const open = targets.filter(isOpen);
    if (open.length > 0) await this.#sender.send(job, open);
  }

  async #openTargets(jobId: string): Promise<JobTarget[]> {
    return this.#options.store.read.jobTargets.find({ jobId, outcome: null });
  }

  #reader(hostId: string, { jobId, targetId }: ExecOutcome): OutputReader {
    const { store, fleet, log } = this.#options;
    return {
      isAwaited: async () => {
        const target = await store.read.jobTargets.get(targetKey(jobId, targetId));
        return target?.hostId === hostId && target.outcome === undefined;
      },
      read: (stream, offset, signal) => fleet.openChannel(hostId, { $case: 'readExecOutput', value: { jobId, targetId, stream, offset: BigInt(offset) } }, signal),
      failed: (error) => log.warn({ hostId, jobId, targetId, err: error }, 'the rest of an output could not be read'),
    };
  }
}

function checkSize(sizeBytes: number, { kind }: Action): void {
  if (sizeBytes <= limits.execJobBytes) return;
  const inputBytes = kind?.$case === 'command' ? (kind.value.settings?.stdin.length ?? 0) : 0;
  if (inputBytes === 0) throw new WombatError('WO_INVALID_ARGUMENT', `the command takes ${sizeBytes} bytes; ${limits.execJobBytes} is the most`);
  throw new WombatError('WO_INVALID_ARGUMENT', `the command takes ${sizeBytes} bytes with the ${inputBytes} of its input; ${limits.execJobBytes} is the most`, {
    hint: 'bring larger files to the nodes in their release, or have the command fetch them',
  });
}

const isOpen = ({ outcome }: JobTarget): boolean => outcome === undefined;

function notSent(): WombatError {
  return new WombatError('WO_CANCELLED', 'the job was cancelled before the command was sent');
}
