import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isAccountName } from '@wombat/proto';

/** A user of this machine. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  /** Its first group; the others are the system's to know. */
  readonly gid: number;
  readonly home: string;
}

const lookupTimeoutMs = 3_000;
/** Users of a directory service: asking for them starts a process, so the answer is kept. */
const fromService = new Map<string, Account>();

/** The user of this name: of /etc/passwd, else of whatever directory service the machine uses. */
export function findAccount(name: string): Account | undefined {
  if (!isAccountName(name)) return undefined;
  return parseAccount(name, readPasswd()) ?? fromService.get(name) ?? askService(name);
}

/** What a login of the user starts, as /etc/passwd says it; undefined when that does not have the user. */
export function shellOf(name: string): string | undefined {
  const line = readPasswd().split('\n').find((entry) => entry.startsWith(`${name}:`));
  return line?.split(':')[6]?.trim();
}

/** Of a text like /etc/passwd. */
export function parseAccount(name: string, passwd: string): Account | undefined {
  for (const line of passwd.split('\n')) {
    const [found, , uid = '', gid = '', , home = ''] = line.split(':');
    if (found === name && /^\d+$/.test(uid) && /^\d+$/.test(gid)) return { name, uid: Number(uid), gid: Number(gid), home };
  }
  return undefined;
}

function askService(name: string): Account | undefined {
  const { status, stdout } = spawnSync('getent', ['passwd', '--', name], { encoding: 'utf8', timeout: lookupTimeoutMs, stdio: ['ignore', 'pipe', 'ignore'] });
  const account = status === 0 ? parseAccount(name, stdout) : undefined;
  if (account) fromService.set(name, account);
  return account;
}

function readPasswd(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8');
  } catch {
    return '';
  }
}
