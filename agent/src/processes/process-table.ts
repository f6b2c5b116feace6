import { readdirSync, readFileSync } from 'node:fs';

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks after boot, field 22 of /proc/PID/stat, as text. */
  readonly startTime: string;
}

export interface ProcessStat extends ProcessIdentity {
  readonly state: string;
  readonly parentPid: number;
  readonly groupId: number;
  readonly sessionId: number;
}

/** Reads one line of /proc/PID/stat; the name in brackets may hold anything, brackets too. */
export function parseStat(line: string): ProcessStat | undefined {
  const nameEnd = line.lastIndexOf(')');
  const pid = Number.parseInt(line, 10);
  const fields = line.slice(nameEnd + 2).split(' ');
  const startTime = fields[19];
  if (nameEnd < 0 || !Number.isInteger(pid) || startTime === undefined || !/^\d+$/.test(startTime)) return undefined;
  return {
    pid,
    startTime,
    state: fields[0] ?? '',
    parentPid: Number(fields[1]),
    groupId: Number(fields[2]),
    sessionId: Number(fields[3]),
  };
}

export function readStat(pid: number): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return undefined;
  }
}

/** Zombies are dead: killed orphans stay in the table for a second or two. */
function isLive(stat: ProcessStat | undefined): stat is ProcessStat {
  return stat !== undefined && stat.state !== 'Z' && stat.state !== 'X';
}

export function isAlive(identity: ProcessIdentity): boolean {
  const stat = readStat(identity.pid);
  return isLive(stat) && stat.startTime === identity.startTime;
}

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
