import { durationFromMs, limits, type Clock, type Ids } from '@wombat/proto';
import { ExecJob, LogStream, Outcome, type ExecOutcome, type ExitStatus as WireExit } from '@wombat/proto/agent';
import { Action } from '@wombat/proto/types';
import type { ExitStatus, Job, JobTarget, OutcomeWord } from '../../domain/model/job.js';
import type { Fleet } from '../../fleet/fleet.js';
import type { NewObject, Store, Transaction } from '../../store/store.js';
import { storedErrorOf } from '../events.js';
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

  constructor(options: JobServiceOptions) {
    this.#options = options;
  }

  async create(request: JobRequest): Promise<Job> {
    const { store, ids } = this.#options;
    const targets = await resolveTargets(store.read, request.expression);
    const id = ids.next('job');
    const job = await store.transaction(async (transaction) => {
      await transaction.jobTargets.insertAll(targets.map((target) => newTarget(id, target)));
      return transaction.jobs.insert({
        id, name: id, generation: 1, observedGeneration: 0,
        principal: request.principal, expression: request.expression, action: Action.toJSON(request.action),
        timeoutMs: request.timeoutMs, state: 'running', targetCount: targets.length,
      });
    });
    await this.#send(job, targets);
    return job;
  }

  /** Sent again to a host that came back: it runs each (job, target) at most once. */
  async resend(hostId: string): Promise<void> {
    for (const job of await this.#options.store.read.jobs.find({ state: 'running' })) {
      const open = (await this.#openTargets(job.id)).filter((target) => target.hostId === hostId);
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
    await this.#options.store.transaction(async (transaction) => {
      const jobs = new Set<string>();
      for (const outcome of full) {
        const target = await transaction.jobTargets.get(targetKey(outcome.outcome.jobId, outcome.outcome.targetId));
        if (!target || target.hostId !== hostId || target.outcome !== undefined) continue;
        await transaction.jobTargets.update({ ...target, ...outcomeFields(outcome) });
        jobs.add(target.jobId);
      }
      for (const jobId of jobs) await this.#finishIfDone(transaction, jobId);
    });
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
    await this.#endOpenTargets(job, await this.#openTargets(jobId), 'lost_during_run');
  }

  async #send(job: Job, targets: readonly JobTargetRef[]): Promise<void> {
    const unreachable = new Set(this.#options.fleet.sendExec(encodeJob(job), groupByHost(targets)));
    if (unreachable.size === 0) return;
    const open = (await this.#openTargets(job.id)).filter((target) => unreachable.has(target.hostId));
    await this.#endOpenTargets(job, open, 'unreachable_before_send');
  }

  async #endOpenTargets(job: Job, targets: readonly JobTarget[], outcome: OutcomeWord): Promise<void> {
    await this.#options.store.transaction(async (transaction) => {
      for (const { id } of targets) {
        const target = await transaction.jobTargets.get(id);
        if (target && target.outcome === undefined) await transaction.jobTargets.update({ ...target, outcome, finishedAt: this.#options.clock.now() });
      }
      await this.#finishIfDone(transaction, job.id);
    });
  }

  async #openTargets(jobId: string): Promise<JobTarget[]> {
    return (await this.#options.store.read.jobTargets.find({ jobId })).filter((target) => target.outcome === undefined);
  }

  async #finishIfDone(transaction: Transaction, jobId: string): Promise<void> {
    const job = await transaction.jobs.get(jobId);
    if (!job || job.state === 'finished') return;
    const open = (await transaction.jobTargets.find({ jobId })).some((target) => target.outcome === undefined);
    if (!open) await transaction.jobs.update({ ...job, state: 'finished', finishedAt: this.#options.clock.now() });
  }

  /** The head comes with the outcome, the rest of a longer output is read from the host. */
  async #withWholeOutput(hostId: string, outcome: ExecOutcome): Promise<WholeOutcome> {
    const [stdout, stderr] = await Promise.all([
      this.#wholeStream(hostId, outcome, LogStream.STDOUT),
      this.#wholeStream(hostId, outcome, LogStream.STDERR),
    ]);
    return { outcome, stdout, stderr };
  }

  async #wholeStream(hostId: string, outcome: ExecOutcome, stream: LogStream): Promise<Output> {
    const told = stream === LogStream.STDOUT ? outcome.stdout : outcome.stderr;
    const head = Buffer.from(told?.head ?? []);
    const sizeBytes = Number(told?.sizeBytes ?? 0);
    const lostBytes = Number(told?.lostBytes ?? 0);
    const chunks = [head];
    let have = head.length;
    if (sizeBytes > have && have >= limits.outcomeHeadBytes) {
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

