import { chmodSync, chownSync, lchownSync, lstatSync, readdirSync } from 'node:fs';
import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { WombatError } from '@wombat/proto';
import { defaultPath } from '../processes/clean-environment.js';
import { runBriefly } from '../processes/run-briefly.js';
import { removeUnfollowed } from './remove-unfollowed.js';
import { runAsOwner, type RunAs } from './run-as.js';

/** After so many calls of the file system others get their turn. */
const callsPerTurn = 256;
const removalTimeoutMs = 30 * 60_000;

/**
 * Gives a tree of the agent's own to a user. Nobody else gets in before all of it is given, so that
 * no link can be put in the way; a file that other names share stays the agent's.
 */
export async function giveTree(directory: string, owner: RunAs): Promise<void> {
  chmodSync(directory, 0o700);
  const work = { calls: 0 };
  for (const name of readdirSync(directory)) await give(join(directory, name), owner, work);
  chownSync(directory, owner.uid, owner.gid);
}

async function give(path: string, owner: RunAs, work: { calls: number }): Promise<void> {
  if (++work.calls % callsPerTurn === 0) await setImmediate();
  const found = lstatSync(path);
  if (found.isDirectory()) {
    for (const name of readdirSync(path)) await give(join(path, name), owner, work);
  } else if (found.nlink > 1) {
    return;
  }
  lchownSync(path, owner.uid, owner.gid);
}

/**
 * Makes a directory, and what an earlier agent kept in it, the user's.
 * @throws WombatError WO_RUN_AS_REFUSED when it is another user's: whatever that one planted there would be given away
 */
export async function giveDirectory(directory: string, owner: RunAs): Promise<void> {
  const { uid } = lstatSync(directory);
  if (uid === owner.uid) return;
  if (uid !== process.getuid?.()) {
    throw new WombatError('WO_RUN_AS_REFUSED', `${directory} belongs to the user with number ${uid}, and the node shall run as ${owner.name}`, {
      hint: `look at what is in it, then give it to the new user on the host: chown -R ${owner.name} ${directory}`,
    });
  }
  await giveTree(directory, owner);
}

/**
 * Removes a tree, whoever owns it. What belongs to another user is removed by that user's own
 * rights: a link planted in the way leads nowhere that the user could not go by itself.
 */
export async function removeOwnedTree(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (!found) return;
  const own = process.getuid?.();
  if (!found.isDirectory() || found.uid === own || own !== 0) return rm(path, { recursive: true, force: true });
  const { command } = runAsOwner(found, process.env['PATH'] ?? defaultPath);
  const script = 'cd -- "$0" && { chmod -R u+rwX . 2>/dev/null; rm -rf -- ..?* .[!.]* *; }';
  await runBriefly({ argv: [...command, '/bin/sh', '-c', script, path], workingDirectory: '/', environment: { PATH: defaultPath }, timeoutMs: removalTimeoutMs });
  // What root itself has put there is left then, and what a process of that user still puts there.
  removeUnfollowed(path);
}
