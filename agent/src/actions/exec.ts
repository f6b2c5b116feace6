import { WombatError, durationToMs, isId, limits } from '@wombat/proto';
import { ExecJob, type CancelExec, type Exec, type ExecOutcome, type JournalDamage, type OutcomeRef } from '@wombat/proto/agent';
import { failpoint } from '@wombat/proto/failpoints';
import { PutFile, type Command } from '@wombat/proto/types';
import { Slots } from '../nodes/slots.js';
import { markPids, type PidMark } from '../processes/process-table.js';
import { newStartId } from '../processes/runner.js';
import type { ExecEntry } from './exec-ledger.js';
import { ExecRun, cancelled, closing } from './exec-run.js';
import { outputFiles } from './exec-output.js';
import { execDirectory, isTarget, rejectedWith, type ExecServices } from './exec-services.js';

const defaultTimeoutMs = 60 * 60_000;
const atOnce = 64;

interface Underway {
  readonly entry: ExecEntry;
  readonly controller: AbortController;
  readonly settled: Promise<void>;
}

/** Runs commands, each (job, target) at most once ever: written down before it is started. */
export class ExecAction {
  readonly #services: ExecServices;
  readonly #slots = new Slots(atOnce);
  readonly #underway = new Set<Underway>();
  /** Commands that are being written down. */
  #arriving = 0;

  constructor(services: ExecServices) {
    this.#services = services;
  }

  /** Takes up what an earlier agent was running. Answers what could not be used of the ledger. */
  async open(): Promise<JournalDamage | undefined> {
    const { ledger } = this.#services;
    const damage = await ledger.open();
    for (const entry of ledger.unfinished()) this.#track(entry, (signal) => new ExecRun(entry, this.#services, signal).resume());
    return damage;
  }

  /** Commands run on, and are found again by the next agent. */
  async close(): Promise<void> {
    for (const { controller } of this.#underway) controller.abort(closing);
    await Promise.all([...this.#underway].map(({ settled }) => settled));
    await this.#services.leftBehind.close();
    await this.#services.ledger.close();
  }

  /** Resolves when all targets are written down; the session has checked the frame's sequence. @throws WombatError WO_INVALID_ARGUMENT */
  async exec(frame: Exec): Promise<void> {
    const job = decodeJob(frame.job);
    const { ledger } = this.#services;
    const fresh = [...new Set(frame.targetIds)].filter((targetId) => isTarget(targetId) && !ledger.has(job.jobId, targetId));
    const entries = this.#withinQueue(fresh.map((targetId) => this.#entry(job, targetId)));
    await this.#accept(entries);
    await failpoint('agent.exec.after-journal');
    const begunAt = markPids();
    for (const entry of entries) {
      this.#track(entry, (signal) => this.#inTurn(signal, () => new ExecRun(entry, this.#services, signal).begin(job.action)), begunAt);
    }
    this.#repeatOutcomes(job.jobId, frame.targetIds);
  }

  /** What cannot be written down is not run, and whoever waits for it is told so. */
  async #accept(entries: readonly ExecEntry[]): Promise<void> {
    this.#arriving += entries.length;
    try {
      await this.#services.ledger.accept(entries);
    } catch (error) {
      this.#reject(entries, WombatError.from(error));
      throw error;
    } finally {
      this.#arriving -= entries.length;
    }
  }

  /**
   * Those that there is room for. The others are refused and not written down: nothing of them was run, and a coordinator
   * that has not heard of it may ask again.
   */
  #withinQueue(entries: readonly ExecEntry[]): readonly ExecEntry[] {
    const { queueLimit } = this.#services;
    const room = Math.max(0, atOnce + queueLimit - this.#underway.size - this.#arriving);
    const refused = entries.slice(room);
    if (refused.length === 0) return entries;
    this.#reject(refused, new WombatError('WO_EXEC_REJECTED', `the queue of the host is full: ${atOnce} commands run at once, and no more than ${queueLimit} wait`, {
      hint: 'send it again when others have ended; --exec-queue of the agent says how many may wait',
    }));
    return entries.slice(0, room);
  }

  #reject(entries: readonly ExecEntry[], error: WombatError): void {
    const { clock, onOutcome } = this.#services;
    for (const entry of entries) onOutcome(rejectedWith(entry, error, clock));
  }

  cancel({ jobId, targetIds }: CancelExec): void {
    for (const { entry, controller } of this.#underway) {
      if (entry.jobId === jobId && (targetIds.length === 0 || targetIds.includes(entry.targetId))) controller.abort(cancelled);
    }
  }

  acknowledge(outcomes: readonly OutcomeRef[]): Promise<void> {
    return this.#services.ledger.acknowledge(outcomes);
  }

  #entry(job: ExecJob, targetId: string): ExecEntry {
    const kind = job.action?.kind;
    return {
      jobId: job.jobId,
      targetId,
      startId: newStartId(),
      arrivedAt: this.#services.clock.now(),
      timeoutMs: durationToMs(job.timeout) ?? defaultTimeoutMs,
      outputLimitBytes: Number(job.outputLimitBytes) || limits.execOutputBytes,
      killAfterMs: kind?.$case === 'command' ? killAfterMs(kind.value) : limits.killAfterMs,
      isProcess: kind === undefined || kind.$case === 'command',
      ...(job.live && { live: true }),
      ...(kind?.$case === 'putFile' && { file: Buffer.from(PutFile.encode(kind.value).finish()).toString('base64') }),
    };
  }

  /** A coordinator that asks again has not got the answer. */
  #repeatOutcomes(jobId: string, targetIds: readonly string[]): void {
    const { ledger, onOutcome } = this.#services;
    for (const targetId of targetIds) {
      const outcome = ledger.outcome(jobId, targetId);
      if (outcome && ledger.acknowledgedAt(jobId, targetId) === undefined) onOutcome(outcome);
    }
  }

  async #inTurn(signal: AbortSignal, run: () => Promise<ExecOutcome | undefined>): Promise<ExecOutcome | undefined> {
    // Whoever is cancelled in the queue is told so by the run itself.
    const release = await this.#slots.acquire(signal).catch(() => undefined);
    try {
      return await run();
    } finally {
      release?.();
    }
  }

  #track(entry: ExecEntry, run: (signal: AbortSignal) => Promise<ExecOutcome | undefined>, begunAt?: PidMark): void {
    const controller = new AbortController();
    const underway: Underway = { entry, controller, settled: this.#settle(entry, run(controller.signal), begunAt).finally(() => this.#underway.delete(underway)) };
    this.#underway.add(underway);
  }

  async #settle(entry: ExecEntry, running: Promise<ExecOutcome | undefined>, begunAt: PidMark | undefined): Promise<void> {
    const { directory, leftBehind, ledger, log, clock, onOutcome } = this.#services;
    try {
      const outcome = await running.catch((error: unknown) => rejectedWith(entry, WombatError.from(error), clock));
      if (!outcome) return;
      if (entry.isProcess) leftBehind.clear(entry.startId, outputFiles(execDirectory(directory, entry.jobId, entry.targetId)), begunAt);
      await failpoint('agent.exec.after-exit');
      await ledger.finish(outcome);
      await failpoint('agent.exec.before-report');
      onOutcome(outcome);
    } catch (error) {
      log.error({ err: error, jobId: entry.jobId, targetId: entry.targetId }, 'cannot record the outcome of a command');
    }
  }
}

function killAfterMs({ settings }: Command): number {
  return Math.min(durationToMs(settings?.killAfter) ?? limits.killAfterMs, limits.longestKillAfterMs);
}

function decodeJob(bytes: Uint8Array): ExecJob {
  let job: ExecJob;
  try {
    job = ExecJob.decode(bytes);
  } catch (cause) {
    throw new WombatError('WO_INVALID_ARGUMENT', 'a job cannot be read', { cause });
  }
  if (!isId(job.jobId, 'job')) throw new WombatError('WO_INVALID_ARGUMENT', 'a job has no valid id');
  return job;
}
