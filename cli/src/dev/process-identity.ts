import { readFile } from 'node:fs/promises';

/** A process that cannot be taken for another one that got its number later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat: clock ticks from boot to its start. */
  readonly startTicks: string;
}

/** `undefined` when there is no such process, or only its zombie. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  let stat: string;
  try {
    stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The name, field 2, stands in parentheses and may hold spaces and parentheses of its own.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  return state === 'Z' || state === 'X' ? undefined : { pid, startTicks: fields[19] ?? '' };
}

export async function isAlive(known: ProcessIdentity): Promise<boolean> {
  return (await identifyProcess(known.pid))?.startTicks === known.startTicks;
}

/** What was stored as JSON; `undefined` when it is something else. */
export function readIdentity(text: string): ProcessIdentity | undefined {
  try {
    const { pid, startTicks } = JSON.parse(text) as Record<string, unknown>;
    return typeof pid === 'number' && Number.isInteger(pid) && pid > 1 && typeof startTicks === 'string' ? { pid, startTicks } : undefined;
  } catch {
    return undefined;
  }
}
