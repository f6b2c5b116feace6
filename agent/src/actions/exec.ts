import { mkdirSync, writeFileSync } from 'node:fs';
import { rm, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { WombatError, durationToMs, isId, limits, toErrorDetail, type Clock } from '@wombat/proto';
import { ExecJob, Outcome, type CancelExec, type Exec, type ExecOutcome, type ExitStatus, type OutcomeRef } from '@wombat/proto/agent';
import type { Action } from '@wombat/proto/types';
import { resolveArgv } from '../nodes/node-action.js';
import { erlCallOf, nodeEnvironment, type NodeContext } from '../nodes/node-context.js';
import { Slots } from '../nodes/slots.js';
import { cleanEnvironment } from '../processes/clean-environment.js';
import { exitCode, isSuccess, unknownExit } from '../processes/exit-status.js';
import { findProgram } from '../processes/find-program.js';
import { newStartId, type Runner } from '../processes/runner.js';
import type { RunningProcess } from '../processes/running-process.js';
import { endedWithin, stopProcess } from '../processes/stop-process.js';
import type { ExecEntry, ExecLedger } from './exec-ledger.js';
import { ExecOutputFiles } from './exec-output.js';

export interface ExecServices {
  /** Of the agent; commands have theirs below it. */
  readonly directory: string;
  readonly hostId: string;
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly runner: Runner;
  readonly ledger: ExecLedger;
  /** What a command for a node is run with; undefined when the node is not on this host. */
  readonly nodeContext: (nodeId: string) => NodeContext | undefined;
  readonly onOutcome: (outcome: ExecOutcome) => void;
}

const defaultTimeoutMs = 60 * 60_000;
const killAfterTermMs = 5_000;
const trimIntervalMs = 100;
/** What is kept of a command after its outcome was acknowledged, so that it can be read on. */
const keepOutputMs = 24 * 3600_000;
const atOnce = 64;

type Ending = 'ended' | 'timed-out' | 'killed';

/** Runs commands, each (job, target) at most once ever: written down before it is started. */
export class ExecAction {
  readonly #services: ExecServices;
  readonly #slots = new Slots(atOnce);
  readonly #cancels = new Map<string, AbortController>();
  readonly #closed = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(services: ExecServices) {
    this.#services = services;
  }

  /** Takes up what an earlier agent was running. */
  async open(): Promise<void> {
    const quarantine = await this.#services.ledger.open();
    if (quarantine) this.#services.log.warn({ quarantine }, 'the ledger of commands was damaged; what could be read is used');
    for (const entry of this.#services.ledger.unfinished()) this.#track(entry, (cancel) => this.#reattach(entry, cancel));
  }

  /** Commands run on, and are found again by the next agent. */
  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all(this.#running);
    await this.#services.ledger.close();
  }

  /** Resolves when all targets are written down; the session has checked the frame's sequence. @throws WombatError WO_INVALID_ARGUMENT */
  async exec(frame: Exec): Promise<void> {
    const job = decodeJob(frame.job);
    const { ledger, clock } = this.#services;
    const isErlang = job.action?.kind !== undefined && job.action.kind.$case !== 'command';
    const fresh = [...new Set(frame.targetIds)].filter((targetId) => isTarget(targetId) && !ledger.has(job.jobId, targetId));
    const entries = fresh.map((targetId): ExecEntry => ({
      jobId: job.jobId,
      targetId,
      startId: newStartId(),
      arrivedAt: clock.now(),
      timeoutMs: durationToMs(job.timeout) ?? defaultTimeoutMs,
      outputLimitBytes: Number(job.outputLimitBytes) || limits.execOutputBytes,
      isProcess: !isErlang,
    }));
    await ledger.accept(entries);
    for (const entry of entries) this.#track(entry, (cancel) => this.#execute(entry, job.action, cancel));
    this.#repeatOutcomes(job.jobId, frame.targetIds);
  }

  cancel({ jobId, targetIds }: CancelExec): void {
    for (const [key, controller] of this.#cancels) {
      const [job, target] = key.split('/');
      if (job === jobId && (targetIds.length === 0 || targetIds.includes(target!))) controller.abort();
    }
  }

  acknowledge(outcomes: readonly OutcomeRef[]): Promise<void> {
    return this.#services.ledger.acknowledge(outcomes);
  }

  /** Removes the output of commands whose outcome was acknowledged long ago. */
  async prune(): Promise<void> {
    const { directory, ledger, clock } = this.#services;
    const jobs = await readdir(join(directory, 'exec')).catch(() => [] as string[]);
    for (const jobId of jobs.filter((name) => isId(name, 'job'))) {
      const targets = await readdir(join(directory, 'exec', jobId)).catch(() => [] as string[]);
      const isOld = (targetId: string): boolean => (ledger.acknowledgedAt(jobId, targetId) ?? Infinity) < clock.now() - keepOutputMs;
      const wasForgotten = async (targetId: string): Promise<boolean> =>
        !ledger.has(jobId, targetId) && (await stat(execDirectory(directory, jobId, targetId))).mtimeMs < clock.now() - keepOutputMs;
      const old = [];
      for (const targetId of targets) if (isOld(targetId) || (await wasForgotten(targetId))) old.push(targetId);
      for (const targetId of old) await rm(execDirectory(directory, jobId, targetId), { recursive: true, force: true });
      if (old.length === targets.length) await rm(join(directory, 'exec', jobId), { recursive: true, force: true });
    }
  }

  /** A coordinator that asks again has not got the answer. */
  #repeatOutcomes(jobId: string, targetIds: readonly string[]): void {
    const { ledger, onOutcome } = this.#services;
    for (const targetId of targetIds) {
      const outcome = ledger.outcome(jobId, targetId);
      if (outcome && ledger.acknowledgedAt(jobId, targetId) === undefined) onOutcome(outcome);
    }
  }

  #track(entry: ExecEntry, run: (cancel: AbortSignal) => Promise<ExecOutcome | undefined>): void {
    const key = `${entry.jobId}/${entry.targetId}`;
    const cancel = new AbortController();
    this.#cancels.set(key, cancel);
    const done: Promise<void> = this.#settle(entry, run(cancel.signal)).finally(() => {
      this.#cancels.delete(key);
      this.#running.delete(done);
    });
    this.#running.add(done);
  }

  async #settle(entry: ExecEntry, running: Promise<ExecOutcome | undefined>): Promise<void> {
    const { ledger, log, onOutcome } = this.#services;
    try {
      const outcome = await running.catch((error: unknown) => this.#rejected(entry, WombatError.from(error)));
      if (!outcome) return;
      await ledger.finish(outcome);
      onOutcome(outcome);
    } catch (error) {
      log.error({ err: error, jobId: entry.jobId, targetId: entry.targetId }, 'cannot record the outcome of a command');
    }
  }

  async #execute(entry: ExecEntry, action: Action | undefined, cancel: AbortSignal): Promise<ExecOutcome | undefined> {
    const release = await this.#slots.acquire(this.#closed.signal).catch(() => undefined);
    if (!release) return undefined;
    try {
      if (cancel.aborted) return this.#outcome(entry, Outcome.KILLED, unknownExit);
      if (this.#leftMs(entry) <= 0) return this.#outcome(entry, Outcome.TIMED_OUT, unknownExit);
      const kind = action?.kind;
      if (kind === undefined) throw new WombatError('WO_EXEC_REJECTED', 'the job does not say what to run');
      const context = this.#contextOf(entry.targetId);
      mkdirSync(this.#directoryOf(entry), { recursive: true, mode: 0o700 });
      if (kind.$case !== 'command') return await this.#evaluate(entry, kind, context, cancel);
      const running = await this.#spawn(entry, kind.value.argv, kind.value.environment, context);
      return await this.#await(entry, running, cancel);
    } finally {
      release();
    }
  }

  /** Undefined: the host itself. @throws WombatError WO_EXEC_REJECTED */
  #contextOf(targetId: string): NodeContext | undefined {
    if (targetId === this.#services.hostId) return undefined;
    const context = this.#services.nodeContext(targetId);
    if (!context) throw new WombatError('WO_EXEC_REJECTED', `${targetId} is not on this host`);
    return context;
  }

  #spawn(entry: ExecEntry, argv: readonly string[], added: Readonly<Record<string, string>>, context: NodeContext | undefined): Promise<RunningProcess> {
    const { runner, hostId } = this.#services;
    const directory = this.#directoryOf(entry);
    const output = new ExecOutputFiles(directory, entry.outputLimitBytes);
    const ids = { WOMBAT_HOST_ID: hostId, WOMBAT_EXEC_ID: entry.jobId };
    const environment = context
      ? { ...nodeEnvironment(context, added), ...ids }
      : { ...cleanEnvironment({ path: this.#services.path, home: join(this.#services.directory, 'exec') }, added), ...ids };
    return runner.spawn({
      startId: entry.startId,
      recordPrefix: join(directory, 'run'),
      argv: context ? resolveArgv(argv, context, environment) : this.#resolveHostArgv(argv),
      workingDirectory: context ? context.paths.root : join(this.#services.directory, 'exec'),
      environment,
      stdoutFile: output.stdoutFile,
      stderrFile: output.stderrFile,
    });
  }

  #resolveHostArgv([name = '', ...args]: readonly string[]): string[] {
    const program = findProgram(name, join(this.#services.directory, 'exec'), this.#services.path);
    if (!program) throw new WombatError('WO_EXEC_REJECTED', `there is no program ${JSON.stringify(name)} on the host`);
    return [program, ...args];
  }

  /** Undefined when the agent ends first. */
  async #await(entry: ExecEntry, running: RunningProcess, cancel: AbortSignal): Promise<ExecOutcome | undefined> {
    const output = new ExecOutputFiles(this.#directoryOf(entry), entry.outputLimitBytes);
    const trimming = setInterval(() => output.trim(), trimIntervalMs).unref();
    try {
      const ending = await this.#ending(entry, running, cancel);
      if (this.#closed.signal.aborted && !running.exit) return undefined;
      const exit = running.exit ?? (await this.#kill(running));
      running.clearStragglers();
      return this.#outcome(entry, ending === 'ended' ? outcomeOf(exit) : ending === 'killed' ? Outcome.KILLED : Outcome.TIMED_OUT, exit, output);
    } finally {
      clearInterval(trimming);
    }
  }

  async #ending(entry: ExecEntry, running: RunningProcess, cancel: AbortSignal): Promise<Ending> {
    const signal = AbortSignal.any([cancel, this.#closed.signal]);
    if (await endedWithin(running, Math.max(0, this.#leftMs(entry)), this.#services.clock, signal)) return 'ended';
    return cancel.aborted ? 'killed' : 'timed-out';
  }

  async #kill(running: RunningProcess): Promise<ExitStatus> {
    const { exit } = await stopProcess(running, { stopTimeoutMs: 0, termTimeoutMs: killAfterTermMs, clock: this.#services.clock, signal: this.#closed.signal });
    return exit;
  }

  async #evaluate(entry: ExecEntry, kind: Exclude<NonNullable<Action['kind']>, { $case: 'command' }>, context: NodeContext | undefined, cancel: AbortSignal): Promise<ExecOutcome | undefined> {
    if (!context) throw new WombatError('WO_EXEC_REJECTED', 'a host evaluates no Erlang; name a node');
    const erlCall = erlCallOf(context);
    const timeoutMs = Math.max(1, this.#leftMs(entry));
    const signal = AbortSignal.any([cancel, this.#closed.signal]);
    const output = new ExecOutputFiles(this.#directoryOf(entry), entry.outputLimitBytes);
    try {
      const { kind: result, text } = kind.$case === 'erlangEval'
        ? await erlCall.evaluate(kind.value.expressions, timeoutMs, signal)
        : await erlCall.apply(kind.value.module, kind.value.function, kind.value.arguments, timeoutMs, signal);
      writeFileSync(result === 'value' ? output.stdoutFile : output.stderrFile, `${text}\n`, { mode: 0o600 });
      return this.#outcome(entry, result === 'value' ? Outcome.OK : Outcome.FAILED, exitCode(result === 'value' ? 0 : 1), output);
    } catch (error) {
      if (cancel.aborted) return this.#outcome(entry, Outcome.KILLED, unknownExit, output);
      if (this.#closed.signal.aborted) return undefined;
      if (WombatError.is(error) && error.code === 'WO_DEADLINE_EXCEEDED') return this.#outcome(entry, Outcome.TIMED_OUT, unknownExit, output);
      throw error;
    }
  }

  async #reattach(entry: ExecEntry, cancel: AbortSignal): Promise<ExecOutcome | undefined> {
    const output = new ExecOutputFiles(this.#directoryOf(entry), entry.outputLimitBytes);
    const adoption = entry.isProcess
      ? this.#services.runner.adopt(entry.startId, join(this.#directoryOf(entry), 'run'))
      : { kind: 'never-started' as const };
    if (adoption.kind === 'running') return this.#await(entry, adoption.process, cancel);
    if (adoption.kind === 'ended' && adoption.exit.kind?.$case !== 'unknown') return this.#outcome(entry, outcomeOf(adoption.exit), adoption.exit, output);
    return this.#outcome(entry, Outcome.LOST_DURING_RUN, unknownExit, output);
  }

  #outcome(entry: ExecEntry, outcome: Outcome, exit: ExitStatus, output?: ExecOutputFiles): ExecOutcome {
    return {
      jobId: entry.jobId,
      targetId: entry.targetId,
      outcome,
      exit,
      startedAt: new Date(entry.arrivedAt),
      finishedAt: new Date(this.#services.clock.now()),
      ...(output?.result() ?? { stdout: undefined, stderr: undefined }),
      error: undefined,
    };
  }

  #rejected(entry: ExecEntry, error: WombatError): ExecOutcome {
    return { ...this.#outcome(entry, Outcome.REJECTED, unknownExit), exit: undefined, error: toErrorDetail(error) };
  }

  #leftMs({ arrivedAt, timeoutMs }: ExecEntry): number {
    return arrivedAt + timeoutMs - this.#services.clock.now();
  }

  #directoryOf({ jobId, targetId }: ExecEntry): string {
    return execDirectory(this.#services.directory, jobId, targetId);
  }
}

/** Where the output and the record of one command lie. Both ids have been checked. */
export function execDirectory(directory: string, jobId: string, targetId: string): string {
  return join(directory, 'exec', jobId, targetId);
}

export function isTarget(targetId: string): boolean {
  return isId(targetId, 'node') || isId(targetId, 'host');
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

function outcomeOf(exit: ExitStatus): Outcome {
  return isSuccess(exit) ? Outcome.OK : Outcome.FAILED;
}
