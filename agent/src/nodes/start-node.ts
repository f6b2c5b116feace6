import { WombatError } from '@wombat/proto';
import { failpoint } from '@wombat/proto/failpoints';
import { linkedTo } from '../processes/abort-link.js';
import { DaemonProcess } from '../processes/daemon-process.js';
import { newStartId } from '../processes/runner.js';
import { RunningProcess } from '../processes/running-process.js';
import { endedWithin } from '../processes/stop-process.js';
import { untilKnown } from '../processes/until-known.js';
import { findDaemon } from './find-daemon.js';
import type { NodeContext } from './node-context.js';
import { configure, isDaemon, launch, readyTimeoutMs } from './node-launch.js';
import { incarnationKey, type StartRecord } from './node-record.js';
import type { NodeServices } from './node-services.js';
import { withoutWaiting, type NodeState } from './node-state.js';
import { prepareNode } from './prepare-node.js';
import { untilReady } from './ready-check.js';
import { discardStart, writeStartedSpec } from './started-spec.js';

/** From the release to the process. @throws WombatError, or the signal's reason */
export async function startNode(state: NodeState, services: NodeServices, signal: AbortSignal): Promise<void> {
  const context = state.requireContext();
  state.enter('pending');
  await beginIncarnation(state);
  await prepareNode(state, services, signal);
  const release = await services.starts.acquire(signal);
  try {
    state.enter('configuring');
    const rootKey = await configure(context, state.record.rootKey, services, signal);
    await state.save({ ...state.record, rootKey });
    signal.throwIfAborted();
    await spawnNode(state, context, services);
    // A booting virtual machine is heavy, so it keeps its slot until it is ready.
    if (context.spec.erlang) await becomeReady(state, services, signal);
  } finally {
    release();
  }
}

/**
 * Waits for the ready check of the process that runs, unless the process ends first: then the next
 * step sees how. @throws WombatError WO_NODE_NOT_READY, or the signal's reason
 */
export async function becomeReady(state: NodeState, { clock }: NodeServices, signal: AbortSignal): Promise<void> {
  const { process: running } = state;
  const { start } = state.record;
  if (!running || !start) return;
  state.enter('starting');
  const context = state.requireContext();
  const allowedMs = readyTimeoutMs(context);
  // An earlier agent may have waited a part of it. Bounded, since the wall clock may have been set back.
  const timeoutMs = Math.min(allowedMs, Math.max(0, start.startedAt + allowedMs - clock.now()));
  const { controller, unlink } = linkedTo(signal);
  void running.exited.then(() => controller.abort());
  try {
    if (isDaemon(context) && !start.daemon) {
      if (await endedWithin(running, timeoutMs, clock, signal)) return;
      signal.throwIfAborted();
      throw new WombatError('WO_NODE_NOT_READY', `the start command of ${context.spec.name} did not return in time`);
    }
    // An adopted process has lived since its start, a new one since the shim has recorded it.
    const isAdopted = running.child !== undefined;
    await untilKnown(running, timeoutMs, clock, controller.signal);
    const aliveSinceMs = isAdopted ? start.startedAt : clock.now();
    await untilReady(context.spec.run?.ready, { context, clock, aliveSinceMs, timeoutMs, signal: controller.signal });
  } catch (error) {
    signal.throwIfAborted();
    if (running.exit) return;
    throw error;
  } finally {
    unlink();
  }
  if (running.exit) return;
  await failpoint('agent.start.before-ready');
  await state.save({ ...state.record, start: { ...start, isReady: true, wasReady: true } });
  await failpoint('agent.start.after-ready');
  state.enter('ready');
}

/** The start command of a daemon returned: from now on the process that it left is the node. */
export async function followDaemon(state: NodeState, start: StartRecord, services: NodeServices, signal: AbortSignal): Promise<void> {
  const starter = state.process instanceof RunningProcess ? state.process : undefined;
  const daemon = await findDaemon({ context: state.requireContext(), startId: start.startId, starter, clock: services.clock }, signal);
  await state.save({ ...state.record, start: { ...start, daemon } });
  state.process = new DaemonProcess(start.startId, daemon, services.runner.poller);
}

/** Written down first: a killed agent's successor finds the process by its start id. */
async function spawnNode(state: NodeState, context: NodeContext, services: NodeServices): Promise<void> {
  const { record, paths } = state;
  const wasReady = state.currentStart?.wasReady ?? false;
  const start: StartRecord = {
    startId: newStartId(),
    startedAt: services.clock.now(),
    bootId: services.bootId,
    incarnation: incarnationKey(state.assignment),
    wasReady,
    isReady: false,
    isOver: false,
  };
  await failpoint('agent.start.before-intent');
  await state.save({ ...withoutWaiting(record), start, restarts: record.restarts + (wasReady ? 1 : 0) });
  if (record.start) discardStart(paths, record.start.startId);
  writeStartedSpec(paths, start.startId, context.spec);
  await failpoint('agent.start.after-intent');
  state.process = await launch(context, start, services);
  await failpoint('agent.start.after-spawn');
  state.enter('starting');
}

/** What went before belongs to something else that was wanted. */
async function beginIncarnation(state: NodeState): Promise<void> {
  const { rootKey, restarts, settled, start } = state.record;
  if (state.currentStart && settled === undefined) return;
  if (start) discardStart(state.paths, start.startId);
  await state.save({ restarts, failures: [], logTail: '', ...(rootKey === undefined ? {} : { rootKey }) });
}
