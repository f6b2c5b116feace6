import { WombatError, toErrorDetail } from '@wombat/proto';
import { DesiredState, type Assignment, type ExitStatus, type NodeStatus } from '@wombat/proto/agent';
import { DaemonProcess } from '../processes/daemon-process.js';
import { describeExit, isSuccess, unknownExit } from '../processes/exit-status.js';
import { isAlive } from '../processes/process-table.js';
import { newStartId } from '../processes/runner.js';
import { RunningProcess } from '../processes/running-process.js';
import { endedWithin } from '../processes/stop-process.js';
import type { Supervised } from '../processes/supervised.js';
import { logTail } from './log-tail.js';
import type { NodeContext } from './node-context.js';
import { removeLeftovers, removeNode } from './node-files.js';
import type { JournaledNode } from './node-journal.js';
import { configure, findDaemon, isDaemon, isRootCurrent, launch, readyTimeoutMs, recordPrefix } from './node-launch.js';
import { nodePaths, stderrLog, stdoutLog, type NodePaths } from './node-paths.js';
import { incarnationKey, settledKey, type NodeRecord, type StartRecord } from './node-record.js';
import type { NodeServices } from './node-services.js';
import { stopNode } from './node-stop.js';
import { discardStart, readStartedSpec, writeStartedSpec } from './started-spec.js';
import { advance, wirePhases, type Phase } from './phase.js';
import { untilReady } from './ready-check.js';
import { decideRestart } from './restart-policy.js';
import { isPassing, retryDelayMs, toNodeError } from './start-error.js';

/**
 * Converges one node. A loop takes one step at a time towards the newest assignment and looks again
 * after each; a newer assignment interrupts the step that is under way, except for a stop, which is
 * finished first. Whatever a step does stands in the journal before it matters, so that a killed
 * agent's successor goes on from there. The phases are told in `phase.ts`.
 */
export class ManagedNode {
  readonly nodeId: string;
  readonly paths: NodePaths;
  readonly #services: NodeServices;
  readonly #closed = new AbortController();
  #round = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #assignment: Assignment;
  #record: NodeRecord;
  #process: Supervised | undefined;
  #phase: Phase = 'pending';
  #note: { reason: string; since: number } | undefined;
  #retries = 0;
  #reported = '';

  constructor({ assignment, record }: JournaledNode, services: NodeServices) {
    this.nodeId = assignment.nodeId;
    this.paths = nodePaths(services.directory, assignment.nodeId);
    this.#services = services;
    this.#assignment = assignment;
    this.#record = record;
  }

  get assignment(): Assignment {
    return this.#assignment;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** What commands for the node are run with; undefined when it has no root. */
  get context(): NodeContext | undefined {
    const { spec } = this.#assignment;
    const { hostId, path } = this.#services;
    return spec && { nodeId: this.nodeId, hostId, spec, paths: this.paths, path };
  }

  get status(): NodeStatus {
    const { start, waiting, lastError, lastExit, restarts, logTail: tail } = this.#record;
    const isRunning = this.#process !== undefined && this.#process.exit === undefined;
    const next = waiting?.nextTryAtMs;
    const note = this.#note ?? (waiting && { reason: waiting.reason, since: waiting.sinceMs });
    return {
      nodeId: this.nodeId,
      generation: this.#assignment.generation,
      phase: wirePhases[this.#phase],
      pid: isRunning ? BigInt(this.#process?.child?.pid ?? 0) : 0n,
      startId: start?.startId ?? '',
      startedAt: start && new Date(start.startedAt),
      restarts,
      waiting: note && { reason: note.reason, since: new Date(note.since), nextTryAt: next === undefined ? undefined : new Date(next) },
      lastError,
      logTail: tail,
      lastExit,
    };
  }

  /** Finds the process that an earlier agent started. Then `run()`. */
  async adopt(): Promise<void> {
    await removeLeftovers(this.paths);
    const { start, settled } = this.#record;
    if (start && !start.isOver) await this.#adoptProcess(start);
    else if (settled?.key === settledKey(this.#assignment)) this.#phase = settled.phase;
    else if (start && this.#assignment.desired === DesiredState.STOPPED) this.#phase = 'stopped';
  }

  run(): void {
    this.#loop = this.#converge();
  }

  /** A newer assignment, already in the journal. */
  assign(assignment: Assignment): void {
    this.#assignment = assignment;
    this.#retries = 0;
    this.#round.abort();
  }

  /** Ends the loop; the process runs on. */
  async close(): Promise<void> {
    this.#closed.abort();
    this.#round.abort();
    await this.#loop;
  }

  async #converge(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      this.#round = new AbortController();
      const { signal } = this.#round;
      try {
        while (!signal.aborted) await this.#step(signal);
      } catch (error) {
        if (signal.aborted) continue;
        await this.#afterError(error, signal);
      }
    }
  }

  async #step(signal: AbortSignal): Promise<void> {
    switch (this.#assignment.desired) {
      case DesiredState.RUNNING:
        return this.#towardsRunning(signal);
      case DesiredState.STOPPED:
        return this.#towardsStopped(signal);
      case DesiredState.ABSENT:
        return this.#towardsAbsent(signal);
      default:
        return untilAborted(signal);
    }
  }

  async #towardsRunning(signal: AbortSignal): Promise<void> {
    const { settled, start, waiting } = this.#record;
    const isSettled = settled?.key === settledKey(this.#assignment);
    if (this.#process && !this.#process.exit) {
      const isWanted = !isSettled && start?.incarnation === incarnationKey(this.#assignment);
      if (!isWanted) return this.#stop(isSettled ? settled.phase : 'pending');
      return start.isReady ? this.#watch(this.#process, signal) : this.#becomeReady(signal);
    }
    if (start && !start.isOver) return this.#afterExit(this.#process?.exit ?? unknownExit, signal);
    if (isSettled) {
      this.#enter(settled.phase);
      return untilAborted(signal);
    }
    if (waiting?.nextTryAtMs !== undefined && start?.incarnation === incarnationKey(this.#assignment)) return this.#awaitNextTry(waiting.nextTryAtMs, signal);
    return this.#start(signal);
  }

  async #towardsStopped(signal: AbortSignal): Promise<void> {
    if (this.#process && !this.#process.exit) return this.#stop('stopped');
    await this.#closeStart();
    this.#enter('stopped');
    return untilAborted(signal);
  }

  async #towardsAbsent(signal: AbortSignal): Promise<void> {
    if (this.#process && !this.#process.exit) return this.#stop('absent');
    await this.#closeStart();
    await removeNode(this.paths, this.#assignment.keepData);
    await this.#save({ restarts: 0, failures: [], logTail: '' });
    this.#enter('absent');
    return untilAborted(signal);
  }

  async #start(signal: AbortSignal): Promise<void> {
    const context = this.#requireContext();
    await this.#beginIncarnation();
    if (!isRootCurrent(context, this.#record.rootKey)) {
      this.#enter('fetching');
      await this.#services.releases.ensureTree(this.#requireArtifact(context), signal);
    }
    const release = await this.#services.starts.acquire(signal);
    try {
      this.#enter('configuring');
      const rootKey = await configure(context, this.#record.rootKey, this.#services, signal);
      await this.#save({ ...this.#record, rootKey });
      signal.throwIfAborted();
      await this.#spawn(context);
      // A booting virtual machine is heavy, so it keeps its slot until it is ready.
      if (context.spec.erlang) await this.#becomeReady(signal);
    } finally {
      release();
    }
  }

  async #spawn(context: NodeContext): Promise<void> {
    const { start } = this.#record;
    const incarnation = incarnationKey(this.#assignment);
    const next: StartRecord = {
      startId: newStartId(),
      startedAt: this.#services.clock.now(),
      bootId: this.#services.bootId,
      incarnation,
      wasReady: start?.incarnation === incarnation && start.wasReady,
      isReady: false,
      isOver: false,
    };
    await this.#save({ ...withoutWaiting(this.#record), start: next, restarts: this.#record.restarts + (next.wasReady ? 1 : 0) });
    if (start) discardStart(this.paths, start.startId);
    writeStartedSpec(this.paths, next.startId, context.spec);
    this.#process = await launch(context, next, this.#services);
    this.#retries = 0;
    this.#enter('starting');
  }

  /** Waits for the ready check, the end of the process or the timeout, whichever is first. */
  async #becomeReady(signal: AbortSignal): Promise<void> {
    const running = this.#process;
    const { start } = this.#record;
    if (!running || !start) return;
    this.#enter('starting');
    const context = this.#requireContext();
    const { clock } = this.#services;
    const timeoutMs = Math.max(0, start.startedAt + readyTimeoutMs(context) - clock.now());
    if (isDaemon(context) && !start.daemon) return this.#awaitStartCommand(running, start, timeoutMs, signal);
    const ended = new AbortController();
    void running.exited.then(() => ended.abort());
    try {
      await untilReady(context.spec.run?.ready, { context, clock, startedAtMs: start.startedAt, timeoutMs, signal: AbortSignal.any([signal, ended.signal]) });
    } catch (error) {
      signal.throwIfAborted();
      // The next step sees how it ended.
      if (running.exit) return;
      await this.#stopProcess();
      return this.#afterFailure(WombatError.from(error), undefined);
    }
    if (running.exit) return;
    await this.#save({ ...this.#record, start: { ...start, isReady: true, wasReady: true } });
    this.#enter('ready');
  }

  async #awaitStartCommand(running: Supervised, start: StartRecord, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (await endedWithin(running, timeoutMs, this.#services.clock, signal)) return;
    signal.throwIfAborted();
    await this.#stopProcess();
    const startedFor = Math.round((this.#services.clock.now() - start.startedAt) / 1000);
    return this.#afterFailure(new WombatError('WO_NODE_NOT_READY', `the start command did not return in ${startedFor} s`), undefined);
  }

  async #watch(running: Supervised, signal: AbortSignal): Promise<void> {
    this.#enter('ready');
    await Promise.race([running.exited, untilAborted(signal)]);
  }

  /** The process ended by itself. */
  async #afterExit(exit: ExitStatus, signal: AbortSignal): Promise<void> {
    const context = this.#requireContext();
    const { start } = this.#record;
    if (start && isDaemon(context) && !start.daemon && isSuccess(exit)) return this.#followDaemon(start, context, signal);
    this.#process?.clearStragglers();
    const name = context.spec.name;
    await this.#afterFailure(new WombatError('WO_NODE_EXITED', `the process of ${name} ended with ${describeExit(exit)}`), exit);
  }

  async #followDaemon(start: StartRecord, context: NodeContext, signal: AbortSignal): Promise<void> {
    const sessionId = this.#process instanceof RunningProcess ? this.#process.sessionId : undefined;
    const daemon = await findDaemon(context, start.startId, sessionId, signal);
    await this.#save({ ...this.#record, start: { ...start, daemon } });
    this.#process = new DaemonProcess(start.startId, daemon, this.#services.runner.poller);
  }

  /** A start failed, or the process ended: what the restart policy says, or the end at a first start. */
  async #afterFailure(error: WombatError, exit: ExitStatus | undefined): Promise<void> {
    const { clock, log } = this.#services;
    const { start } = this.#record;
    const now = clock.now();
    const wasReady = start?.wasReady === true && start.incarnation === incarnationKey(this.#assignment);
    const decision = wasReady
      ? decideRestart(this.#assignment.spec?.restart, exit, this.#record.failures, now)
      : { kind: 'give-up' as const, failures: this.#record.failures };
    const record: NodeRecord = {
      ...withoutWaiting(this.#record),
      ...(start ? { start: { ...start, isOver: true } } : {}),
      ...(exit ? { lastExit: exit } : {}),
      lastError: toErrorDetail(error),
      logTail: logTail(stdoutLog(this.paths), stderrLog(this.paths)),
    };
    this.#process = undefined;
    log.warn({ nodeId: this.nodeId, code: error.code, decision: decision.kind }, error.message);
    if (decision.kind === 'restart') {
      const waiting = { reason: `start again: ${error.message}`, sinceMs: now, nextTryAtMs: now + decision.delayMs };
      await this.#save({ ...record, failures: decision.failures, waiting });
      return this.#enter('pending');
    }
    const phase = decision.kind === 'done' ? 'stopped' : 'failed';
    const failures = decision.kind === 'done' ? record.failures : decision.failures;
    await this.#save({ ...record, failures, settled: { key: settledKey(this.#assignment), phase } });
    this.#enter(phase);
  }

  /** An error of a step: what passes by itself is tried again, all else counts as a failed start. */
  async #afterError(caught: unknown, signal: AbortSignal): Promise<void> {
    const error = toNodeError(caught);
    const { clock, log } = this.#services;
    try {
      if (this.#assignment.desired === DesiredState.RUNNING && !isPassing(error)) {
        if (this.#process && !this.#process.exit) await this.#stopProcess();
        return await this.#afterFailure(error, this.#process?.exit);
      }
      const delayMs = retryDelayMs(this.#retries++);
      const now = clock.now();
      log.warn({ nodeId: this.nodeId, code: error.code, delayMs }, error.message);
      this.#record = { ...this.#record, lastError: toErrorDetail(error), waiting: { reason: error.message, sinceMs: now, nextTryAtMs: now + delayMs } };
      if (this.#phase !== 'stopping') this.#enter('pending');
      await clock.sleep(delayMs, signal);
      this.#record = withoutWaiting(this.#record);
    } catch (second) {
      // The journal may be out of reach too (a full disk); the loop must not spin.
      if (!signal.aborted) {
        log.error({ nodeId: this.nodeId, err: second }, 'cannot record what became of a node');
        await clock.sleep(retryDelayMs(0), signal).catch(() => undefined);
      }
    }
  }

  async #awaitNextTry(nextTryAtMs: number, signal: AbortSignal): Promise<void> {
    this.#enter('pending');
    await this.#services.clock.sleep(Math.max(0, nextTryAtMs - this.#services.clock.now()), signal);
    await this.#save(withoutWaiting(this.#record));
  }

  /** What went before belongs to something else that was wanted. */
  async #beginIncarnation(): Promise<void> {
    const { start, settled } = this.#record;
    const isSame = start?.incarnation === incarnationKey(this.#assignment) && settled === undefined;
    if (isSame) return;
    const { rootKey, restarts } = this.#record;
    this.#enter('pending');
    await this.#save({ restarts, failures: [], logTail: '', ...(rootKey === undefined ? {} : { rootKey }) });
  }

  async #stop(next: Phase): Promise<void> {
    await this.#stopProcess();
    if (next !== 'absent') this.#enter(next);
  }

  async #stopProcess(): Promise<void> {
    const running = this.#process;
    if (!running) return;
    this.#enter('stopping');
    const { step, exit } = await stopNode(running, this.#startedContext(running), this.#services, this.#closed.signal, (reason) => this.#explain(reason));
    this.#services.log.info({ nodeId: this.nodeId, step, exit: describeExit(exit) }, 'stopped');
    this.#note = undefined;
    this.#process = undefined;
    const { start } = this.#record;
    await this.#save({ ...withoutWaiting(this.#record), lastExit: exit, ...(start ? { start: { ...start, isOver: true } } : {}) });
  }

  #startedContext({ startId }: Supervised): NodeContext | undefined {
    const spec = readStartedSpec(this.paths, startId);
    const { context } = this;
    const { hostId, path } = this.#services;
    return spec ? { nodeId: this.nodeId, hostId, spec, paths: this.paths, path } : context;
  }

  /** A stopped node starts anew: as if for the first time. */
  async #closeStart(): Promise<void> {
    const { start } = this.#record;
    this.#process?.clearStragglers();
    this.#process = undefined;
    if (!start || (start.isOver && !start.wasReady)) return;
    await this.#save({ ...withoutWaiting(this.#record), start: { ...start, isOver: true, wasReady: false }, failures: [] });
  }

  async #adoptProcess(start: StartRecord): Promise<void> {
    if (start.bootId !== this.#services.bootId) {
      return this.#save({ ...this.#record, lastExit: unknownExit, start: { ...start, isOver: true } });
    }
    if (start.daemon) {
      this.#process = new DaemonProcess(start.startId, start.daemon, this.#services.runner.poller);
      if (isAlive(start.daemon)) this.#phase = start.isReady ? 'ready' : 'starting';
      return;
    }
    const adoption = this.#services.runner.adopt(start.startId, recordPrefix(this.paths, start.startId));
    if (adoption.kind === 'never-started') return this.#save({ ...this.#record, start: { ...start, isOver: true } });
    this.#process = adoption.process;
    if (adoption.kind === 'running') this.#phase = start.isReady ? 'ready' : 'starting';
  }

  async #save(record: NodeRecord): Promise<void> {
    this.#record = record;
    await this.#services.journal.record(this.nodeId, record);
  }

  #explain(reason: string): void {
    this.#note = { reason, since: this.#services.clock.now() };
    this.#report();
  }

  #enter(phase: Phase): void {
    this.#phase = advance(this.#phase, phase);
    this.#report();
  }

  #report(): void {
    const { status } = this;
    const text = JSON.stringify(status, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    if (text === this.#reported) return;
    this.#reported = text;
    this.#services.onStatus(status);
  }

  #requireContext(): NodeContext {
    const context = this.context;
    if (!context) throw new WombatError('WO_NODE_START_FAILED', 'the assignment does not say what to run');
    return context;
  }

  #requireArtifact({ spec }: NodeContext): NonNullable<NodeContext['spec']['artifact']> {
    if (!spec.artifact) throw new WombatError('WO_NODE_START_FAILED', `no release is named for ${spec.name}`);
    return spec.artifact;
  }
}

function withoutWaiting(record: NodeRecord): NodeRecord {
  const { waiting: _, ...rest } = record;
  return rest;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
