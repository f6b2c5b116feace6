import { durationFromMs, groupBy, limits, quoted, WombatError, type Clock, type Ids } from '@wombat/proto';
import { ExecJob, type ExecOutcome } from '@wombat/proto/agent';
import { failpoint } from '@wombat/proto/failpoints';
import type { Action } from '@wombat/proto/types';
import type { Job, JobTarget, TargetKind } from '../../domain/model/job.js';
import { presentPhases } from '../../domain/states/node-states.js';
import type { Fleet } from '../../fleet/fleet.js';
import { storeWaits, type NewObject, type Store, type Transaction } from '../../store/store.js';
import { storedError } from '../events.js';
import type { Log, Secrets } from '../ports.js';
import { GroupedWrites } from './grouped-writes.js';
import { outcomeFields, type OutputReader } from './outcome-fields.js';
import { runs, type JobTargetRef } from './job-target-ref.js';
import type { Resolution } from './resolve-targets.js';
import { openedAction, storedAction } from './stored-action.js';

export interface JobServiceOptions {
  readonly store: Store;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly secrets: Secrets;
  readonly log: Log;
}

export interface JobRequest {
  readonly principal: string;
  /** Where and how many, as `requireTargets` has found. */
  readonly resolution: Resolution;
  readonly on?: TargetKind;
  /** Whose targets and command these are. */
  readonly rerunOf?: string;
  readonly action: Action;
  readonly timeoutMs: number;
  /** Also on nodes that do not run. */
  readonly all: boolean;
}

/** A job as it was stored a moment ago. */
export interface NewJob {
  readonly job: Job;
  readonly targets: readonly JobTarget[];
}

/** Past a job's timeout, the time that outcomes get to arrive. */
const graceMs = 15_000;
/** Outcomes of all hosts that are stored in one transaction. */
const endingsAtOnce = 500;

/** Commands for many targets: one outcome each, also when the coordinator restarts in between. */
export class JobService {
  readonly #options: JobServiceOptions;
  /** Job id -> targets without an outcome. Counted once: a job of thousands gets its outcomes one by one. */
  readonly #openCounts = new Map<string, number>();
  /** Targets that were not reached and whose outcome is being written: they are not sent any more. */
  readonly #unreached = new Set<string>();
  readonly #endings = new GroupedWrites<Ending>({ write: (endings) => this.#end(endings), atMost: endingsAtOnce, concernsAll: (error) => WombatError.is(error) && storeWaits.has(error.code) });

  constructor(options: JobServiceOptions) {
    this.#options = options;
  }

  /** Stores the job with its targets: what comes to match later is none. @throws WombatError WO_INVALID_ARGUMENT when it is too large to be sent */
  async insert(transaction: Transaction, request: JobRequest): Promise<NewJob> {
    const { resolution: { text, targets, sample }, on, rerunOf, all } = request;
    const now = this.#options.clock.now();
    const rows = targets.map((target) => newTarget(target, request, now));
    const isOver = rows.every(({ outcome }) => outcome !== undefined);
    const id = this.#options.ids.next('job');
    const job = await transaction.jobs.insert({
      id, name: id, generation: 1, observedGeneration: 0, principal: request.principal, expression: text, ...(on && { on }), ...(rerunOf && { rerunOf }), ...(sample && { sample }), all,
      action: storedAction(id, request.action, this.#options.secrets), timeoutMs: request.timeoutMs, targetCount: targets.length,
      ...(isOver ? { state: 'finished', finishedAt: now } : { state: 'running' }),
    });
    checkSize(this.#encode(job).length, request.action);
    return { job, targets: await transaction.jobTargets.insertAll(rows.map((row) => ({ ...row, id: targetKey(id, row.targetId), jobId: id }))) };
  }

  /** What a stored job was asked to do, its secrets among it: for another job alone, never for an answer. */
  actionOf(job: Job): Action {
    return openedAction(job, this.#options.secrets);
  }

  /** Sends a stored job to the targets that have no outcome, and answers the job as it is then. `targets`: all of them, by whoever has just stored them. */
  async send(job: Job, targets?: readonly JobTarget[]): Promise<Job> {
    const open = targets?.filter(({ outcome }) => outcome === undefined) ?? (await this.#openTargets(job.id));
    if (open.length > 0) await this.#sendTo(job, open);
    return (await this.#options.store.read.jobs.get(job.id)) ?? job;
  }

  /** Sent again to a host that came back: it runs each (job, target) at most once. */
  async resend(hostId: string): Promise<void> {
    const { read } = this.#options.store;
    const jobs = await read.jobs.find({ state: 'running' });
    if (jobs.length === 0) return;
    // Many hosts come back at once, and a job may have targets on all of them: only those of this host are read.
    const targetId = [hostId, ...(await read.nodes.find({ hostId, phase: presentPhases })).map((node) => node.id)];
    for (const job of jobs) {
      const targets = await read.jobTargets.find({ jobId: job.id, targetId, outcome: null });
      const open = targets.filter((target) => target.hostId === hostId && !this.#unreached.has(target.id));
      if (open.length > 0) this.#options.fleet.sendExec(this.#encode(job), new Map([[hostId, open.map((target) => target.targetId)]]));
    }
  }

  async cancel(job: Job): Promise<void> {
    const byHost = targetsByHost(await this.#openTargets(job.id));
    for (const [hostId, targetIds] of byHost) this.#options.fleet.cancelExec(hostId, job.id, targetIds);
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

  /** A job whose time is over ends: what has not answered is lost. */
  async reconcile(jobId: string): Promise<number | void> {
    const job = await this.#options.store.read.jobs.get(jobId);
    if (!job || job.state === 'finished') return;
    const leftMs = job.createdAt + job.timeoutMs + graceMs - this.#options.clock.now();
    if (leftMs > 0) return leftMs;
    const fields = { outcome: 'lost_during_run', finishedAt: this.#options.clock.now() } as const;
    const open = await this.#openTargets(jobId);
    await this.#end(open.map(({ id, hostId }) => ({ id, hostId, fields })));
  }

  async #sendTo(job: Job, targets: readonly JobTarget[]): Promise<void> {
    await failpoint('coordinator.exec.before-send');
    const unreachable = new Set(this.#options.fleet.sendExec(this.#encode(job), targetsByHost(targets)));
    await failpoint('coordinator.exec.after-send');
    if (unreachable.size === 0) return;
    const missed = targets.filter((target) => unreachable.has(target.hostId));
    const finishedAt = this.#options.clock.now();
    for (const { id } of missed) this.#unreached.add(id);
    try {
      await this.#end(missed.map(({ id, hostId }) => ({ id, hostId, fields: { outcome: 'unreachable_before_send', error: storedError(noSession(hostId)), finishedAt } })));
    } finally {
      for (const { id } of missed) this.#unreached.delete(id);
    }
  }

  /** Writes the outcomes of targets that have none yet, and ends the jobs that have all of theirs. */
  async #end(endings: readonly Ending[]): Promise<void> {
    const touched = new Map<string, number>();
    try {
      await this.#options.store.transaction(async (transaction) => {
        const targets = new Map((await transaction.jobTargets.many(endings.map(({ id }) => id))).map((target) => [target.id, target]));
        const ended = new Map<string, JobTarget>();
        for (const { id, hostId, fields } of endings) {
          const target = targets.get(id);
          if (!target || target.hostId !== hostId || target.outcome !== undefined || ended.has(id)) continue;
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

  #encode(job: Job): Uint8Array {
    return ExecJob.encode({ jobId: job.id, action: this.actionOf(job), timeout: durationFromMs(job.timeoutMs), outputLimitBytes: 0n }).finish();
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

/** What a target ends with. */
interface Ending {
  readonly id: string;
  readonly hostId: string;
  readonly fields: Partial<JobTarget>;
}

function checkSize(sizeBytes: number, { kind }: Action): void {
  if (sizeBytes <= limits.execJobBytes) return;
  const inputBytes = kind?.$case === 'command' ? (kind.value.settings?.stdin.length ?? 0) : 0;
  if (inputBytes === 0) throw new WombatError('WO_INVALID_ARGUMENT', `the command takes ${sizeBytes} bytes; ${limits.execJobBytes} is the most`);
  throw new WombatError('WO_INVALID_ARGUMENT', `the command takes ${sizeBytes} bytes with the ${inputBytes} of its input; ${limits.execJobBytes} is the most`, {
    hint: 'bring larger files to the nodes in their release, or have the command fetch them',
  });
}

function targetKey(jobId: string, targetId: string): string {
  return `${jobId}/${targetId}`;
}

/** A node whose process is not there is passed over, unless the request wants all. */
function newTarget(target: JobTargetRef, { all }: JobRequest, now: number): Omit<NewObject<JobTarget>, 'id' | 'jobId'> {
  const { targetId, targetName, hostId, phase } = target;
  const isSkipped = !all && !runs(target);
  return {
    name: targetName, generation: 1, observedGeneration: 0, targetId, hostId, stdout: '', stderr: '', stdoutLostBytes: 0, stderrLostBytes: 0,
    ...(isSkipped ? { outcome: 'skipped', error: storedError(notRunning(targetName, phase)), finishedAt: now } : {}),
  };
}

function notRunning(name: string, phase: string): WombatError {
  return new WombatError('WO_NODE_NOT_RUNNING', `${name} is ${phase}`, { hint: `start it: wo node start ${quoted(name)}; or run the command all the same: wo exec --all` });
}

function noSession(hostId: string): WombatError {
  return new WombatError('WO_HOST_UNREACHABLE', 'the agent of the host had no session, so the command was not sent', { hint: `see since when: wo host show ${hostId}` });
}

function targetsByHost(targets: readonly JobTarget[]): Map<string, string[]> {
  const groups = groupBy(targets, ({ hostId }) => hostId);
  return new Map([...groups].map(([hostId, members]) => [hostId, members.map(({ targetId }) => targetId)]));
}
