import { readFileSync } from 'node:fs';
import { WombatError } from '@wombat/proto';
import type { Limits } from '@wombat/proto/agent';

/** Root may raise a limit; this one not even root. */
const openFilesCeiling = '/proc/sys/fs/nr_open';

/** @throws WombatError WO_LIMIT_REFUSED for what the agent has no right to grant */
export function checkLimits({ openFiles, processes, nice }: Limits, own = readFileSync('/proc/self/limits', 'utf8'), isRoot = process.getuid?.() === 0): void {
  const ceiling = isRoot ? Number(readFileSync(openFilesCeiling, 'utf8')) : hardLimit(own, 'Max open files');
  if (Number(openFiles) > ceiling) throw refused(`${openFiles} open files are asked for, and this host allows ${ceiling}`);
  const processCeiling = isRoot ? Infinity : hardLimit(own, 'Max processes');
  if (Number(processes) > processCeiling) throw refused(`${processes} processes are asked for, and this host allows the agent ${processCeiling}`);
  if (nice < 0 && !isRoot) throw refused(`nice ${nice} is asked for, and only an agent that is root may go below 0`);
}

/** Of a text like /proc/self/limits: the third column. */
function hardLimit(text: string, name: string): number {
  const [, hard = ''] = new RegExp(`^${name} +(?:\\S+) +(\\S+)`, 'm').exec(text) ?? [];
  return /^\d+$/.test(hard) ? Number(hard) : Infinity;
}

function refused(message: string): WombatError {
  return new WombatError('WO_LIMIT_REFUSED', message);
}
