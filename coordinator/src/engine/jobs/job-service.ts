import { durationFromMs, limits, type Clock, type Ids } from '@wombat/proto';
import { ExecJob, LogStream, Outcome, type ExecOutcome, type ExitStatus as WireExit } from '@wombat/proto/agent';
import { Action } from '@wombat/proto/types';
import type { ExitStatus, Job, JobTarget, OutcomeWord } from '../../domain/model/job.js';
import { presentPhases } from '../../domain/states/node-states.js';
import type { Fleet } from '../../fleet/fleet.js';
import type { NewObject, Store, Transaction } from '../../store/store.js';
import { storedError, storedErrorOf } from '../events.js';
import type { Log } from '../ports.js';
import { resolveTargets, type JobTargetRef } from './resolve-targets.js';

export interface JobServiceOptions {
  readonly store: Store;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

export interface JobRequest {
  readonly principal: string;
  readonly expression: string;
  readonly action: Action;
  readonly timeoutMs: number;
}

const words: Readonly<Partial<Record<Outcome, OutcomeWord>>> = {
  [Outcome.OK]: 'ok',
  [Outcome.FAILED]: 'failed',
  [Outcome.TIMED_OUT]: 'timed_out',
  [Outcome.KILLED]: 'killed',
  [Outcome.LOST_DURING_RUN]: 'lost_during_run',
  [Outcome.REJECTED]: 'rejected',
};
/** Past a job's timeout, the time that outcomes get to arrive. */
const graceMs = 15_000;
/** What is kept of each stream in the store. */
const keptOutputBytes = 1024 * 1024;

/** Commands for many targets: one outcome each, also when the coordinator restarts in between. */
export class JobService {
  readonly #options: JobServiceOptions;
  /** Job id -> targets without an outcome. Counted once: a job of thousands gets its outcomes one by one. */
  readonly #openCounts = new Map<string, number>();
  /** Targets that were not reached and whose outcome is being written: they are not sent any more. */
  readonly #unreached = new Set<string>();

  constructor(options: JobServiceOptions) {
    this.#options = options;
  }

  async create(request: JobRequest): Promise<Job> {
    const { store } = this.#options;
    const targets = await resolveTargets(store.read, request.expression);
    const fresh = this.#newJob(request, targets.length);
    const job = await store.transaction(async (transaction) => {
      await transaction.jobTargets.insertAll(targets.map((target) => newTarget(fresh.id, target)));
      return transaction.jobs.insert(fresh);
    });
    await this.#send(job, targets);
    return (await store.read.jobs.get(job.id)) ?? job;
  }

  /** The job that would be made; nothing is stored or sent. */
  async plan(request: JobRequest): Promise<Job> {
    const targets = await resolveTargets(this.#options.store.read, request.expression);
    const now = this.#options.clock.now();
    return { ...this.#newJob(request, targets.length), revision: 0, createdAt: now, updatedAt: now };
  }

  #newJob(request: JobRequest, targetCount: number): NewObject<Job> {
    const id = this.#options.ids.next('job');
    return {
      id, name: id, generation: 1, observedGeneration: 0, principal: request.principal, expression: request.expression,
      action: Action.toJSON(request.action), timeoutMs: request.timeoutMs, state: 'running', targetCount,
    };
  }

  /** Sent again to a host that came back: it runs each (job, target) at most once. */
  async resend(hostId: string): Promise<void> {
    const { read } = this.#options.store;
    const jobs = await read.jobs.find({ state: 'running' });
    if (jobs.length === 0) return;
    // Many hosts come back at once, and a job may have targets on all of them: only those of this host are read.
    const targetId = [hostId, ...(await read.nodes.find({ hostId, phase: presentPhases })).map((node) => node.id)];
    for (const job of jobs) {
      const targets = await read.jobTargets.find({ jobId: job.id, targetId });
      const open = targets.filter((target) => target.hostId === hostId && target.outcome === undefined && !this.#unreached.has(target.id));
      if (open.length > 0) this.#options.fleet.sendExec(encodeJob(job), new Map([[hostId, open.map((target) => target.targetId)]]));
    }
  }

  async cancel(job: Job): Promise<void> {
    const byHost = groupByHost(await this.#openTargets(job.id));
    for (const [hostId, targetIds] of byHost) this.#options.fleet.cancelExec(hostId, job.id, targetIds);
  }

  /** Stores outcomes; what it answers may be forgotten by the agent. */
  async outcomes(hostId: string, outcomes: readonly ExecOutcome[]): Promise<void> {
    const full = await Promise.all(outcomes.map((outcome) => this.#withWholeOutput(hostId, outcome)));
    await this.#end(full.map((outcome) => ({ id: targetKey(outcome.outcome.jobId, outcome.outcome.targetId), hostId, fields: outcomeFields(outcome) })));
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

  async #send(job: Job, targets: readonly JobTargetRef[]): Promise<void> {
    const unreachable = new Set(await this.#sendOrReject(job, targets));
    if (unreachable.size === 0) return;
    const missed = targets.filter((target) => unreachable.has(target.hostId)).map((target) => ({ id: targetKey(job.id, target.targetId), hostId: target.hostId }));
    for (const { id } of missed) this.#unreached.add(id);
    try {
      await this.#end(missed.map((target) => ({ ...target, fields: { outcome: 'unreachable_before_send', finishedAt: this.#options.clock.now() } })));
    } finally {
      for (const { id } of missed) this.#unreached.delete(id);
    }
  }

  /** @throws WombatError WO_INVALID_ARGUMENT when the job is too large; it was sent to nobody then */
  async #sendOrReject(job: Job, targets: readonly JobTargetRef[]): Promise<readonly string[]> {
    try {
      return this.#options.fleet.sendExec(encodeJob(job), groupByHost(targets));
    } catch (error) {
      const fields = { outcome: 'rejected', error: storedError(error), finishedAt: this.#options.clock.now() } as const;
      await this.#end(targets.map((target) => ({ id: targetKey(job.id, target.targetId), hostId: target.hostId, fields })));
      throw error;
    }
  }

  /** Writes the outcomes of targets that have none yet, and ends the jobs that have all of theirs. */
  async #end(endings: readonly Ending[]): Promise<void> {
    const touched = new Map<string, number>();
    try {
      await this.#options.store.transaction(async (transaction) => {
        for (const { id, hostId, fields } of endings) {
          const target = await transaction.jobTargets.get(id);
          if (!target || target.hostId !== hostId || target.outcome !== undefined) continue;
          await transaction.jobTargets.update({ ...target, ...fields });
          touched.set(target.jobId, (touched.get(target.jobId) ?? 0) + 1);
        }
        for (const [jobId, ended] of touched) await this.#finishIfDone(transaction, jobId, ended);
      });
    } catch (error) {
      // What was counted inside was undone.
      for (const jobId of touched.keys()) this.#openCounts.delete(jobId);
      throw error;
    }
  }

  async #openTargets(jobId: string): Promise<JobTarget[]> {
    return (await this.#options.store.read.jobTargets.find({ jobId })).filter((target) => target.outcome === undefined);
  }

  async #finishIfDone(transaction: Transaction, jobId: string, ended: number): Promise<void> {
    const before = this.#openCounts.get(jobId);
    const open = before === undefined ? (await transaction.jobTargets.find({ jobId })).filter((target) => target.outcome === undefined).length : before - ended;
    this.#openCounts.set(jobId, open);
    if (open > 0) return;
    this.#openCounts.delete(jobId);
    const job = await transaction.jobs.get(jobId);
    if (job?.state === 'running') await transaction.jobs.update({ ...job, state: 'finished', finishedAt: this.#options.clock.now() });
  }

  /** The head comes with the outcome, the rest of a longer output is read from the host. */
  async #withWholeOutput(hostId: string, outcome: ExecOutcome): Promise<WholeOutcome> {
    const [stdout, stderr] = await Promise.all([
      this.#wholeStream(hostId, outcome, LogStream.STDOUT),
      this.#wholeStream(hostId, outcome, LogStream.STDERR),
    ]);
    return { outcome, stdout, stderr };
  }

  /** Nothing is fetched for an outcome that is not wanted, or is here already. */
  async #isAwaited(hostId: string, { jobId, targetId }: ExecOutcome): Promise<boolean> {
    const target = await this.#options.store.read.jobTargets.get(targetKey(jobId, targetId));
    return target?.hostId === hostId && target.outcome === undefined;
  }

  async #wholeStream(hostId: string, outcome: ExecOutcome, stream: LogStream): Promise<Output> {
    const told = stream === LogStream.STDOUT ? outcome.stdout : outcome.stderr;
    const head = Buffer.from(told?.head ?? []);
    const sizeBytes = Number(told?.sizeBytes ?? 0);
    const lostBytes = Number(told?.lostBytes ?? 0);
    const chunks = [head];
    let have = head.length;
    if (sizeBytes > have && have >= limits.outcomeHeadBytes && (await this.#isAwaited(hostId, outcome))) {
      const { jobId, targetId } = outcome;
      const purpose = { $case: 'readExecOutput' as const, value: { jobId, targetId, stream, offset: BigInt(have) } };
      try {
        for await (const chunk of this.#options.fleet.openChannel(hostId, purpose, AbortSignal.timeout(30_000))) {
          chunks.push(Buffer.from(chunk.data));
          have += chunk.data.length;
          if (have >= keptOutputBytes) break;
        }
      } catch (error) {
        this.#options.log.warn({ hostId, jobId, targetId, err: error }, 'the rest of an output could not be read');
      }
    }
    const bytes = Buffer.concat(chunks).subarray(0, keptOutputBytes);
    return { bytes, lostBytes: lostBytes + Math.max(0, sizeBytes - bytes.length) };
  }
}

interface Output {
  readonly bytes: Buffer;
  readonly lostBytes: number;
}

/** What a target ends with. */
interface Ending {
  readonly id: string;
  readonly hostId: string;
  readonly fields: Partial<JobTarget>;
}

interface WholeOutcome {
  readonly outcome: ExecOutcome;
  readonly stdout: Output;
  readonly stderr: Output;
}

function outcomeFields({ outcome, stdout, stderr }: WholeOutcome): Partial<JobTarget> {
  return {
    outcome: words[outcome.outcome] ?? 'lost_during_run',
    stdout: stdout.bytes.toString('base64'),
    stderr: stderr.bytes.toString('base64'),
    stdoutLostBytes: stdout.lostBytes,
    stderrLostBytes: stderr.lostBytes,
    ...(outcome.exit ? { exit: exitOf(outcome.exit) } : {}),
    ...(outcome.startedAt ? { startedAt: outcome.startedAt.getTime() } : {}),
    ...(outcome.finishedAt ? { finishedAt: outcome.finishedAt.getTime() } : {}),
    ...(outcome.error ? { error: storedErrorOf(outcome.error) } : {}),
  };
}

function exitOf(exit: WireExit): ExitStatus {
  if (exit.kind?.$case === 'code') return { code: exit.kind.value };
  if (exit.kind?.$case === 'signal') return { signal: exit.kind.value };
  return { unknown: true };
}

function encodeJob(job: Job): Uint8Array {
  return ExecJob.encode({ jobId: job.id, action: Action.fromJSON(job.action), timeout: durationFromMs(job.timeoutMs), outputLimitBytes: 0n }).finish();
}

function targetKey(jobId: string, targetId: string): string {
  return `${jobId}/${targetId}`;
}

function newTarget(jobId: string, target: JobTargetRef): NewObject<JobTarget> {
  return {
    id: targetKey(jobId, target.targetId), name: target.targetName, generation: 1, observedGeneration: 0,
    jobId, targetId: target.targetId, hostId: target.hostId, stdout: '', stderr: '', stdoutLostBytes: 0, stderrLostBytes: 0,
  };
}

function groupByHost(targets: readonly { readonly hostId: string; readonly targetId: string }[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { hostId, targetId } of targets) groups.set(hostId, [...(groups.get(hostId) ?? []), targetId]);
  return groups;
}

