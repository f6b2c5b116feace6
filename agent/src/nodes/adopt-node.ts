import { DesiredState } from '@wombat/proto/agent';
import { DaemonProcess } from '../processes/daemon-process.js';
import { unknownExit } from '../processes/exit-status.js';
import { isAlive } from '@wombat/proto/processes';
import { recordPrefix } from './node-launch.js';
import { removeLeftovers } from './node-files.js';
import { incarnationKey, type NodeRecord, type StartRecord } from './node-record.js';
import type { NodeServices } from './node-services.js';
import type { NodeState } from './node-state.js';
import { discardStart, keptStarts, readStartedSpec } from './started-spec.js';

/** Finds what an earlier agent left of a node: half-made things, a process, or how it ended. */
export async function adoptNode(state: NodeState, services: NodeServices): Promise<void> {
  await removeLeftovers(state.paths).catch((error: unknown) => services.log.warn({ err: error, nodeId: state.nodeId }, 'cannot remove what an earlier agent left'));
  if (await adoptUnrecorded(state, services)) return;
  const { start } = state.record;
  if (start && !start.isOver) await adoptProcess(state, start, services);
  else if (state.settled) state.resume(state.settled);
  else if (start && state.assignment.desired === DesiredState.STOPPED) state.resume('stopped');
}

/**
 * A damaged journal may have lost a start: what runs is found by what is kept beside it, so that no
 * node ever runs twice. Whether it was ready is not known, and found out again.
 */
async function adoptUnrecorded(state: NodeState, { bootId, runner, clock }: NodeServices): Promise<boolean> {
  const { paths, record, assignment } = state;
  for (const startId of keptStarts(paths).filter((kept) => kept !== record.start?.startId)) {
    const adoption = runner.adopt(startId, recordPrefix(paths, startId));
    const spec = readStartedSpec(paths, startId);
    if (adoption.kind !== 'running' || !spec) {
      discardStart(paths, startId);
      continue;
    }
    const incarnation = incarnationKey({ ...assignment, spec });
    const start: StartRecord = { startId, startedAt: clock.now(), bootId, incarnation, wasReady: true, isReady: false, isOver: false };
    await keep(state, { ...record, start });
    state.process = adoption.process;
    state.resume('starting');
    return true;
  }
  return false;
}

async function adoptProcess(state: NodeState, start: StartRecord, { bootId, runner }: NodeServices): Promise<void> {
  const phase = start.isReady ? 'ready' : 'starting';
  // Whatever has the number now is another: the machine was booted since. No fault of the node's.
  if (start.bootId !== bootId) return keep(state, { ...state.record, lastExit: unknownExit, start: { ...start, isOver: true } });
  if (start.daemon) {
    state.process = new DaemonProcess(start.startId, start.daemon, runner.poller);
    if (isAlive(start.daemon)) state.resume(phase);
    return;
  }
  const adoption = runner.adopt(start.startId, recordPrefix(state.paths, start.startId));
  // The agent was killed between writing down the start and making it.
  if (adoption.kind === 'never-started') return keep(state, { ...state.record, start: { ...start, isOver: true } });
  state.process = adoption.process;
  if (adoption.kind === 'running') state.resume(phase);
}

/** A disk that is full forbids nothing here: the next agent would come to the same conclusion. */
function keep(state: NodeState, record: NodeRecord): Promise<void> {
  return state.save(record).catch(() => undefined);
}
