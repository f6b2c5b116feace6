import { readdirSync, readFileSync } from 'node:fs';
import { isLive, readStat, type ProcessStat } from '@wombat/proto/processes';

/** Every live process of a session. Walks the whole table: for rare moments only. */
export function sessionMembers(sessionId: number): ProcessStat[] {
  return everyPid().map(readStat).filter((stat): stat is ProcessStat => isLive(stat) && stat.sessionId === sessionId);
}

/** Live processes whose environment holds `name=value`. Walks the whole table: for rare moments only. */
export function findByEnvironment(name: string, value: string): ProcessStat[] {
  return everyPid().filter((pid) => environmentHolds(pid, name, value)).map(readStat).filter(isLive);
}

export function environmentHolds(pid: number, name: string, value: string): boolean {
  return readEnvironment(pid).includes(`\0${name}=${value}\0`);
}

/** The value of a variable of a process; undefined when it has none. */
export function environmentValue(pid: number, name: string): string | undefined {
  const text = readEnvironment(pid);
  const start = text.indexOf(`\0${name}=`);
  if (start < 0) return undefined;
  const from = start + name.length + 2;
  return text.slice(from, text.indexOf('\0', from));
}

/** Every variable stands between two zero bytes. */
function readEnvironment(pid: number): string {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`;
  } catch {
    return '';
  }
}

/** False when the process or group is gone, or is not ours to signal. */
export function sendSignal(pidOrGroup: number, signal: NodeJS.Signals | 0): boolean {
  // kill(0) and kill(-1) would hit the agent itself and everything else.
  if (Math.abs(pidOrGroup) <= 1) return false;
  try {
    process.kill(pidOrGroup, signal);
    return true;
  } catch {
    return false;
  }
}

export function everyPid(): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number);
}

/** A moment in the order in which the kernel gives out the numbers of processes. */
export interface PidMark {
  readonly pid: number;
  readonly atMs: number;
}

/** Undefined where the kernel does not tell. */
export function markPids(): PidMark | undefined {
  try {
    const pid = Number(readFileSync('/proc/loadavg', 'latin1').trim().split(' ').at(-1));
    return Number.isSafeInteger(pid) && pid > 0 ? { pid, atMs: performance.now() } : undefined;
  } catch {
    return undefined;
  }
}

/** So soon no kernel comes round to numbers that it has given before: it would take 6,500 forks a second. */
const roundMs = 5_000;

/** The processes that there are, at least all that began after the mark. */
export function pidsSince(mark: PidMark | undefined): number[] {
  const pids = everyPid();
  const end = markPids();
  if (!mark || !end || end.atMs - mark.atMs > roundMs) return pids;
  return pids.filter((pid) => (mark.pid <= end.pid ? pid > mark.pid && pid <= end.pid : pid > mark.pid || pid <= end.pid));
}
