import { existsSync } from 'node:fs';
import { DesiredState, RunMode, type NodeSpec } from '@wombat/proto/agent';
import { isAlive, type ProcessIdentity } from '@wombat/proto/processes';
import { DaemonProcess } from '../processes/daemon-process.js';
import { unknownExit } from '../processes/exit-status.js';
import { environmentValue, findByEnvironment } from '../processes/process-table.js';
import { isStartId } from '../processes/runner.js';
import { startIdVariable } from '../processes/running-process.js';
import type { Supervised } from '../processes/supervised.js';
import { execIdVariable, nodeIdVariable } from './node-context.js';
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
 * A damaged journal may have lost a start: what runs is found by what is kept beside it, or by its environment when
 * nothing is, so that no node ever runs twice. Whether it was ready is not known, and found out again.
 */
async function adoptUnrecorded(state: NodeState, services: NodeServices): Promise<boolean> {
  const { paths, record } = state;
  const kept = keptStarts(paths).filter((startId) => startId !== record.start?.startId);
  const starts = kept.length > 0 || record.start ? kept : startsByEnvironment(state);
  for (const startId of starts) {
    const spec = readStartedSpec(paths, startId);
    const found = findStart(state, services, startId, spec);
    if (found) {
      await adoptFound(state, services, found, spec);
      return true;
    }
    discardStart(paths, startId);
  }
  return false;
}

/** Commands for the node bear an id of their own, and are looked after by others. */
function startsByEnvironment({ nodeId, paths }: NodeState): string[] {
  // Nothing runs of a node that was never here.
  const members = existsSync(paths.base) ? findByEnvironment(nodeIdVariable, nodeId) : [];
  const own = members.filter(({ pid }) => environmentValue(pid, execIdVariable) === undefined);
  return [...new Set(own.map(({ pid }) => environmentValue(pid, startIdVariable)).filter(isStartId))];
}

interface FoundStart {
  readonly process: Supervised;
  readonly daemon?: ProcessIdentity;
}

function findStart({ paths }: NodeState, { runner }: NodeServices, startId: string, spec: NodeSpec | undefined): FoundStart | undefined {
  const adoption = runner.adopt(startId, recordPrefix(paths, startId));
  if (adoption.kind === 'running') return { process: adoption.process };
  if (spec?.run?.mode !== RunMode.DAEMON) return undefined;
  const [oldest] = findByEnvironment(startIdVariable, startId).sort((one, other) => Number(one.startTime) - Number(other.startTime));
  if (!oldest) return undefined;
  const daemon = { pid: oldest.pid, startTime: oldest.startTime };
  return { process: new DaemonProcess(startId, daemon, runner.poller), daemon };
}

/** What it was started for is told by what is kept of it; without that it gives way to what is wanted. */
async function adoptFound(state: NodeState, { bootId, clock }: NodeServices, { process, daemon }: FoundStart, spec: NodeSpec | undefined): Promise<void> {
  const { assignment, record } = state;
  const incarnation = spec ? incarnationKey({ ...assignment, spec }) : '';
  const { startId } = process;
  const start: StartRecord = { startId, startedAt: clock.now(), bootId, incarnation, wasReady: true, isReady: false, isOver: false, ...(daemon ? { daemon } : {}) };
  await keep(state, { ...record, start });
  state.process = process;
  state.resume('starting');
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
