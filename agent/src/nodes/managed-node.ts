import { toErrorDetail, WombatError } from '@wombat/proto';
import { DesiredState, type Assignment, type ExitStatus, type NodeStatus } from '@wombat/proto/agent';
import { failpoint } from '@wombat/proto/failpoints';
import { aborted, settledOrAborted } from '../processes/abort-link.js';
import { describeExit, isSuccess, unknownExit } from '../processes/exit-status.js';
import type { Supervised } from '../processes/supervised.js';
import { adoptNode } from './adopt-node.js';
import { crashReason } from './crash-reason.js';
import { afterFailure, afterRefusal, closeStart } from './end-of-start.js';
import { SecretMask } from './mask-secrets.js';
import type { NodeContext } from './node-context.js';
import { removeNode } from './node-files.js';
import type { JournaledNode } from './node-journal.js';
import { isDaemon, readyTimeoutMs } from './node-launch.js';
import type { NodePaths } from './node-paths.js';
import { newNodeRecord } from './node-record.js';
import type { NodeServices } from './node-services.js';
import { NodeState, withoutWaiting } from './node-state.js';
import { stopNode } from './node-stop.js';
import type { Phase } from './phase.js';
import { prepareNode } from './prepare-node.js';
import { maximumDelayMs } from './restart-policy.js';
import { isPassing, mayPassSoon, passingSoonMs, retryDelayMs, toNodeError } from './start-error.js';
import { becomeReady, followDaemon, startNode } from './start-node.js';

/**
 * Converges one node. A loop takes one step at a time towards the newest assignment and looks again
 * after each; a newer assignment interrupts the step that is under way, except for a stop, which is
 * finished first. Whatever a step does stands in the journal before it matters, so that a killed
 * agent's successor goes on from there. The phases are told in `phase.ts`.
 */
export class ManagedNode {
  readonly #services: NodeServices;
  readonly #state: NodeState;
  readonly #closed = new AbortController();
  #round = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #resolveTrust!: () => void;
  readonly #trusted = new Promise<void>((resolve) => (this.#resolveTrust = resolve));
  /** Tries in a row that failed for a passing reason. */
  #retries = 0;
  /** Since when it waits for what may pass soon; of the monotonic clock. */
  #waitingSinceMs: number | undefined;

  constructor(journaled: JournaledNode, services: NodeServices) {
    this.#services = services;
    this.#state = new NodeState(journaled, services);
  }

  get nodeId(): string {
    return this.#state.nodeId;
  }

  get paths(): NodePaths {
    return this.#state.paths;
  }

  get assignment(): Assignment {
    return this.#state.assignment;
  }

  get phase(): Phase {
    return this.#state.phase;
  }

  /** What commands for the node are run with. */
  get context(): NodeContext | undefined {
    return this.#runsOlder ? this.#state.startedContext : this.#state.context;
  }

  get status(): NodeStatus {
    return this.#state.status;
  }

  /** Finds what an earlier agent left, and begins to converge when that is known and what is wanted is to be trusted. */
  adopt(): Promise<void> {
    const adopted = adoptNode(this.#state, this.#services);
    this.#loop = adopted.then(() => this.#whenTrusted(), () => undefined);
    return adopted;
  }

  /** The assignment is what the coordinator wants, as far as this host has heard. */
  trust(): void {
    this.#resolveTrust();
  }

  /** A newer assignment, already in the journal. */
  assign(assignment: Assignment): void {
    this.#state.assignment = assignment;
    this.#retries = 0;
    this.#waitingSinceMs = undefined;
    this.#round.abort();
  }

  /** Ends the loop; the process runs on. */
  async close(): Promise<void> {
    this.#closed.abort();
    this.#round.abort();
    await this.#loop;
  }

  get #mask(): SecretMask {
    return new SecretMask(this.#state.assignment.spec);
  }

  /** A ready check may have quoted a secret. */
  #masked(error: WombatError): WombatError {
    const message = this.#mask.text(error.message);
    return message === error.message ? error : new WombatError(error.code, message, { hint: error.hint, details: error.details });
  }

  async #whenTrusted(): Promise<void> {
    await settledOrAborted(this.#trusted, this.#closed.signal);
    await this.#converge();
  }

  async #converge(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      this.#round = new AbortController();
      const { signal } = this.#round;
      this.#state.pursueNewest();
      try {
        while (!signal.aborted) await this.#step(signal);
      } catch (error) {
        if (!signal.aborted) await this.#afterError(this.#masked(toNodeError(error)), signal);
      }
    }
  }

  #step(signal: AbortSignal): Promise<void> {
    switch (this.#state.assignment.desired) {
      case DesiredState.RUNNING:
        return this.#towardsRunning(signal);
      case DesiredState.STOPPED:
        return this.#towardsStopped(signal);
      case DesiredState.ABSENT:
        return this.#towardsAbsent(signal);
      default:
        return aborted(signal);
    }
  }

  async #towardsRunning(signal: AbortSignal): Promise<void> {
    const state = this.#state;
    const { settled, currentStart } = state;
    const { start, waiting } = state.record;
    if (state.isAlive) {
      if (currentStart && settled) return this.#stop(settled);
      if (currentStart) return currentStart.isReady ? this.#watch(state.process!, signal) : becomeReady(state, this.#services, signal);
      if (settled) return this.#letRun(settled, signal);
      await prepareNode(state, this.#services, signal);
      return this.#stop('pending');
    }
    if (start && !start.isOver && settled) return closeStart(state);
    if (start && !start.isOver) return this.#afterExit(state.process?.exit ?? unknownExit, signal);
    if (settled) {
      state.enter(settled);
      return aborted(signal);
    }
    if (currentStart && waiting?.nextTryAtMs !== undefined) return this.#awaitNextTry(waiting.nextTryAtMs, signal);
    return startNode(state, this.#services, signal);
  }

  async #towardsStopped(signal: AbortSignal): Promise<void> {
    if (this.#state.isAlive) return this.#stop('stopped');
    await closeStart(this.#state);
    this.#state.enter('stopped');
    return aborted(signal);
  }

  async #towardsAbsent(signal: AbortSignal): Promise<void> {
    const state = this.#state;
    if (state.isAlive) return this.#stop('stopping');
    if (state.phase !== 'absent') {
      state.enter('stopping');
      await closeStart(this.#state);
      await failpoint('agent.remove.before-remove');
      await removeNode(state.paths, state.assignment.keepData, this.#services.clock.now());
      await failpoint('agent.remove.after-remove');
      this.#services.memoryGroups.remove(this.nodeId);
      await state.save(newNodeRecord);
    }
    state.enter('absent');
    return aborted(signal);
  }

  async #watch(running: Supervised, signal: AbortSignal): Promise<void> {
    this.#retries = 0;
    this.#waitingSinceMs = undefined;
    this.#state.enter('ready');
    await settledOrAborted(running.exited, signal);
  }

  /** What is wanted now cannot run here, so that of the older generation is not stopped for it. */
  async #letRun(settled: Phase, signal: AbortSignal): Promise<void> {
    this.#state.enter(settled);
    await settledOrAborted(this.#state.process!.exited, signal);
  }

  async #awaitNextTry(nextTryAtMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#services;
    this.#state.enter('pending');
    // Bounded, since the wall clock may have been set back since.
    await clock.sleep(Math.min(maximumDelayMs, Math.max(0, nextTryAtMs - clock.now())), signal);
    await this.#state.save(withoutWaiting(this.#state.record));
  }

  /** The process ended by itself. */
  async #afterExit(exit: ExitStatus, signal: AbortSignal): Promise<void> {
    const state = this.#state;
    const context = state.requireContext();
    const { start } = state.record;
    const isStartCommand = start !== undefined && isDaemon(context) && !start.daemon;
    if (isStartCommand && isSuccess(exit)) return followDaemon(state, start, this.#services, signal);
    state.process?.clearStragglers();
    const ended = { exit, child: state.process?.child, startedAtMs: start?.startedAt ?? 0 };
    await afterFailure(state, this.#services, crashReason(state.startedContext ?? context, ended, this.#services), exit);
  }

  /** What passes by itself is tried again, all else counts as a failed start. */
  async #afterError(error: WombatError, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#services;
    try {
      if (this.#state.assignment.desired === DesiredState.RUNNING && !this.#mayPass(error)) return await this.#endFailedStart(error);
      await this.#tryAgain(error, signal);
    } catch (second) {
      // The journal may be out of reach too (a full disk); the loop must not spin.
      if (signal.aborted) return;
      log.error({ nodeId: this.nodeId, err: second }, 'cannot record what became of a node');
      await clock.sleep(retryDelayMs(0), signal).catch(() => undefined);
    }
  }

  #mayPass(error: WombatError): boolean {
    if (isPassing(error)) return true;
    const { context } = this.#state;
    const waitedMs = this.#services.clock.monotonic() - (this.#waitingSinceMs ??= this.#services.clock.monotonic());
    return mayPassSoon(error) && context !== undefined && waitedMs < Math.min(passingSoonMs, readyTimeoutMs(context));
  }

  async #endFailedStart(error: WombatError): Promise<void> {
    const state = this.#state;
    this.#waitingSinceMs = undefined;
    if (this.#runsOlder) return afterRefusal(state, this.#services, error);
    const exit = state.isAlive ? await this.#stopProcess() : undefined;
    await afterFailure(state, this.#services, error, exit);
  }

  /** A process runs that was started for something else than what is wanted now. */
  get #runsOlder(): boolean {
    return this.#state.isAlive && this.#state.currentStart === undefined;
  }

  async #tryAgain(error: WombatError, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#services;
    const state = this.#state;
    const delayMs = retryDelayMs(this.#retries++);
    const now = clock.now();
    log.warn({ nodeId: this.nodeId, code: error.code, delayMs }, error.message);
    state.remember({ ...state.record, lastError: toErrorDetail(error), waiting: { reason: error.message, sinceMs: now, nextTryAtMs: now + delayMs } });
    if (state.assignment.desired === DesiredState.RUNNING && (!state.isAlive || this.#runsOlder)) state.enter('pending');
    try {
      await clock.sleep(delayMs, signal);
    } finally {
      state.remember(withoutWaiting(state.record));
    }
  }

  async #stop(next: Phase): Promise<void> {
    await this.#stopProcess();
    this.#state.enter(next);
  }

  /** Finished also when a newer assignment comes; only the end of the agent cuts it short. */
  async #stopProcess(): Promise<ExitStatus> {
    const state = this.#state;
    state.enter('stopping');
    await failpoint('agent.stop.before-stop');
    const { step, exit } = await stopNode(state.process!, state.startedContext, this.#services, this.#closed.signal, (reason) => state.explain(reason));
    this.#services.log.info({ nodeId: this.nodeId, step, exit: describeExit(exit) }, 'stopped');
    await failpoint('agent.stop.after-stop');
    state.process = undefined;
    const { start } = state.record;
    await state.save({ ...withoutWaiting(state.record), lastExit: exit, ...(start ? { start: { ...start, isOver: true } } : {}) });
    await failpoint('agent.stop.after-record');
    return exit;
  }
}
