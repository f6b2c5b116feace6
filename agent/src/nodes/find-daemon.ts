import { statSync } from 'node:fs';
import { WombatError, type Clock } from '@wombat/proto';
import { isSuccess } from '../processes/exit-status.js';
import { readStat, type ProcessIdentity, type ProcessStat } from '@wombat/proto/processes';
import { findByEnvironment, sendSignal, sessionMembers } from '../processes/process-table.js';
import { runBriefly } from '../processes/run-briefly.js';
import { startIdVariable, type RunningProcess } from '../processes/running-process.js';
import { resolveArgv } from './node-action.js';
import { nodeEnvironment, ownerOf, type NodeContext } from './node-context.js';

export interface DaemonSearch {
  readonly context: NodeContext;
  readonly startId: string;
  /** The start command, which has returned. */
  readonly starter: RunningProcess | undefined;
  readonly clock: Clock;
}

const pidCommandTimeoutMs = 10_000;
/** Many a daemon writes its pid a moment after its start command has returned. */
const patienceMs = 5_000;
const firstPauseMs = 20;
/** A process between two forks ends at once: what is taken for the daemon is still the oldest after this time. */
const settlingMs = 150;
const longestPauseMs = 500;

/** Sure: the release itself has named it. */
type Finding = { readonly daemon: ProcessStat; readonly isSure: boolean } | { readonly reason: string };

/**
 * The process that a start command left behind. What is not found is ended, too: nothing of a node
 * that failed runs on.
 * @throws WombatError WO_NODE_START_FAILED saying what was looked for
 */
export async function findDaemon(search: DaemonSearch, signal: AbortSignal): Promise<ProcessIdentity> {
  try {
    return await lookPatiently(search, signal);
  } catch (error) {
    signal.throwIfAborted();
    for (const { pid } of findByEnvironment(startIdVariable, search.startId)) sendSignal(pid, 'SIGKILL');
    throw error;
  }
}

async function lookPatiently(search: DaemonSearch, signal: AbortSignal): Promise<ProcessIdentity> {
  const { context, clock } = search;
  const deadlineMs = clock.monotonic() + patienceMs;
  let before: ProcessStat | undefined;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    const finding = await lookOnce(search, signal);
    if ('daemon' in finding) {
      const { pid, startTime } = finding.daemon;
      const isSettled = before?.pid === pid && before.startTime === startTime;
      if (finding.isSure || isSettled || clock.monotonic() >= deadlineMs) return { pid, startTime };
      before = finding.daemon;
      await clock.sleep(settlingMs, signal);
      continue;
    }
    if (clock.monotonic() >= deadlineMs) {
      throw new WombatError('WO_NODE_START_FAILED', `the start command of ${context.spec.name} returned, but ${finding.reason}`, {
        hint: 'name a command that prints the pid (`pidCommand` of the manifest), or run the release in the foreground',
      });
    }
    await clock.sleep(pauseMs, signal);
  }
}

async function lookOnce(search: DaemonSearch, signal: AbortSignal): Promise<Finding> {
  const command = search.context.spec.run?.pidCommand ?? [];
  return command.length > 0 ? askForPid(command, search, signal) : searchProcesses(search);
}

/** The oldest of what the start command left, in its session or anywhere with its start id. */
function searchProcesses({ startId, starter }: DaemonSearch): Finding {
  const session = starter?.sessionId === undefined ? [] : sessionMembers(starter.sessionId);
  const found = [...session, ...findByEnvironment(startIdVariable, startId)].sort((one, other) => Number(one.startTime) - Number(other.startTime));
  return found[0] ? { daemon: found[0], isSure: false } : { reason: 'no process of it is to be found' };
}

async function askForPid(command: readonly string[], search: DaemonSearch, signal: AbortSignal): Promise<Finding> {
  const { context } = search;
  const environment = nodeEnvironment(context);
  const argv = resolveArgv(command, context, environment);
  const asked = { argv, workingDirectory: context.paths.root, environment, runAs: ownerOf(context), timeoutMs: pidCommandTimeoutMs };
  const result = await runBriefly(asked, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    return { reason: (error as Error).message };
  });
  if ('reason' in result) return result;
  const text = result.stdout.toString('latin1').trim();
  if (!isSuccess(result.exit) || !/^\d{1,10}$/.test(text)) return { reason: `its pid command printed no pid: ${JSON.stringify(text.slice(0, 80))}` };
  return judge(Number(text), search);
}

/** A pid file may be old, and the number another's by now: that one must be neither watched nor ended. */
function judge(pid: number, { context, starter }: DaemonSearch): Finding {
  const stat = readStat(pid);
  if (!stat || stat.state === 'Z') return { reason: `no process has the pid ${pid} that its pid command printed` };
  const startedAt = starter?.identity?.shim.startTime;
  if (startedAt !== undefined && Number(stat.startTime) < Number(startedAt)) return { reason: `the process ${pid} that its pid command named is older than the start` };
  const owner = ownerOf(context);
  if (owner && userOf(pid) !== owner.uid) return { reason: `the process ${pid} that its pid command named is not of the user ${owner.name}` };
  return { daemon: stat, isSure: true };
}

function userOf(pid: number): number | undefined {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
}
