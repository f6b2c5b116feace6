import { readdirSync, readFileSync } from 'node:fs';
import { isLive, readStat, type ProcessStat } from '@wombat/proto/processes';

/** Every live process of a session. Walks the whole table: for rare moments only. */
export function sessionMembers(sessionId: number): ProcessStat[] {
  return allPids().map(readStat).filter((stat): stat is ProcessStat => isLive(stat) && stat.sessionId === sessionId);
}

/** Live processes whose environment holds `name=value`. Walks the whole table: for rare moments only. */
export function findByEnvironment(name: string, value: string): ProcessStat[] {
  return allPids().filter((pid) => environmentHolds(pid, name, value)).map(readStat).filter(isLive);
}

export function environmentHolds(pid: number, name: string, value: string): boolean {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(`\0${name}=${value}\0`);
  } catch {
    return false;
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

function allPids(): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number);
}
