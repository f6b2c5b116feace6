import { readFileSync } from 'node:fs';

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
export function isLive(stat: ProcessStat | undefined): stat is ProcessStat {
  return stat !== undefined && stat.state !== 'Z' && stat.state !== 'X';
}

export function isAlive(identity: ProcessIdentity): boolean {
  const stat = readStat(identity.pid);
  return isLive(stat) && stat.startTime === identity.startTime;
}

/** What is to be written down of a process to know it again; `undefined` when it is not there any more. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  return isLive(stat) ? { pid, startTime: stat.startTime } : undefined;
}

/** What was stored as JSON; `undefined` when it is something else. Init is never ours. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  try {
    const { pid, startTime } = JSON.parse(text) as Record<string, unknown>;
    return Number.isSafeInteger(pid) && (pid as number) > 1 && typeof startTime === 'string' ? { pid: pid as number, startTime } : undefined;
  } catch {
    return undefined;
  }
}

/** The kernel's id of this boot: what ran before another one runs no more. */
export function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
