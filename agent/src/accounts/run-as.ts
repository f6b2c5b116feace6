import { chmod, stat } from 'node:fs/promises';
import { WombatError } from '@wombat/proto';
import { isSuccess } from '../processes/exit-status.js';
import { findProgram } from '../processes/find-program.js';
import { runBriefly } from '../processes/run-briefly.js';
import { findAccount, type Account } from './account.js';

/** Another user than the agent's own, and how a program is started as that user. */
export interface RunAs extends Omit<Account, 'home'> {
  /** Stands before argv: takes on the user and all its groups, and can gain no rights any more. */
  readonly command: readonly string[];
}

const trialTimeoutMs = 10_000;

/**
 * How to run something as the user of this name; undefined when that is the agent's own, or none is
 * named. Looked up anew each time: never does a failed look-up mean the agent's own rights.
 * @throws WombatError WO_USER_UNKNOWN, WO_RUN_AS_REFUSED
 */
export function runAs(name: string, path: string): RunAs | undefined {
  if (name === '') return undefined;
  const account = findAccount(name);
  if (!account) {
    throw new WombatError('WO_USER_UNKNOWN', `this host has no user ${JSON.stringify(name.slice(0, 64))}`, { hint: `create it on the host, for instance: useradd --system ${name.slice(0, 32)}; or name another in \`runAs\`` });
  }
  const own = process.getuid?.();
  if (account.uid === own) return undefined;
  if (own !== 0) {
    throw new WombatError('WO_RUN_AS_REFUSED', `this agent is not root and can run nothing as ${name}`, { hint: `start the agent as root or as ${name}, or take \`runAs\` out of the manifest` });
  }
  const program = findProgram('setpriv', '/', path);
  if (!program) {
    throw new WombatError('WO_RUN_AS_REFUSED', 'this host has no setpriv, which starts programs as other users', { hint: 'on Debian and Ubuntu: apt-get install util-linux; on Alpine: apk add setpriv' });
  }
  return { ...account, command: [program, '--reuid', name, '--regid', String(account.gid), '--init-groups', '--no-new-privs', '--'] };
}

/** A user that is known by number only: the owner of what lies on the disk. */
export function runAsOwner(owner: { readonly uid: number; readonly gid: number }, path: string): RunAs {
  const program = findProgram('setpriv', '/', path);
  if (!program) throw new WombatError('WO_RUN_AS_REFUSED', 'this host has no setpriv any more, so what belongs to another user cannot be removed safely');
  const { uid, gid } = owner;
  return { name: String(uid), uid, gid, command: [program, '--reuid', String(uid), '--regid', String(gid), '--clear-groups', '--no-new-privs', '--'] };
}

/**
 * Lets users pass through a directory of the agent's, without seeing what is in it, and tries whether this one gets there.
 * @throws WombatError WO_RUN_AS_REFUSED
 */
export async function openTo(user: RunAs, directory: string, signal: AbortSignal): Promise<void> {
  await allowPassing(directory);
  const argv = [...user.command, '/bin/sh', '-c', 'test -x "$0"', directory];
  const { exit, stderr } = await runBriefly({ argv, workingDirectory: '/', environment: {}, timeoutMs: trialTimeoutMs }, signal);
  if (isSuccess(exit)) return;
  const said = stderr.toString('utf8').trim().split('\n').at(-1) ?? '';
  throw new WombatError('WO_RUN_AS_REFUSED', said === '' ? `${user.name} may not enter ${directory}` : `nothing can be run as ${user.name}: ${said.slice(0, 200)}`, {
    hint: said === '' ? 'let the user pass the folders above it (chmod o+x), or keep the directory of the agent elsewhere' : 'setpriv of util-linux is needed, and an agent with all rights of root',
  });
}

export async function allowPassing(directory: string): Promise<void> {
  const { mode } = await stat(directory);
  if ((mode & 0o111) !== 0o111) await chmod(directory, (mode & 0o777) | 0o111);
}
