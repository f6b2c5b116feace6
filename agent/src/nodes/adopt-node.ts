import { DesiredState } from '@wombat/proto/agent';
import { DaemonProcess } from '../processes/daemon-process.js';
import { unknownExit } from '../processes/exit-status.js';
import { isAlive } from '../processes/process-table.js';
import { recordPrefix } from './node-launch.js';
import { removeLeftovers } from './node-files.js';
import type { StartRecord } from './node-record.js';
import type { NodeServices } from './node-services.js';
import type { NodeState } from './node-state.js';

/** Finds what an earlier agent left of a node: half-made things, a process, or how it ended. */
export async function adoptNode(state: NodeState, services: NodeServices): Promise<void> {
  await removeLeftovers(state.paths);
  const { start } = state.record;
  if (start && !start.isOver) await adoptProcess(state, start, services);
  else if (state.settled) state.resume(state.settled);
  else if (start && state.assignment.desired === DesiredState.STOPPED) state.resume('stopped');
}

async function adoptProcess(state: NodeState, start: StartRecord, { bootId, runner }: NodeServices): Promise<void> {
  const phase = start.isReady ? 'ready' : 'starting';
  // Whatever has the number now is another: the machine was booted since. No fault of the node's.
  if (start.bootId !== bootId) return state.save({ ...state.record, lastExit: unknownExit, start: { ...start, isOver: true } });
  if (start.daemon) {
    state.process = new DaemonProcess(start.startId, start.daemon, runner.poller);
    if (isAlive(start.daemon)) state.resume(phase);
    return;
  }
  const adoption = runner.adopt(start.startId, recordPrefix(state.paths, start.startId));
  // The agent was killed between writing down the start and making it.
  if (adoption.kind === 'never-started') return state.save({ ...state.record, start: { ...start, isOver: true } });
  state.process = adoption.process;
  if (adoption.kind === 'running') state.resume(phase);
}
