import { createHash, randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { WombatError } from '@wombat/proto';
import { identifyProcess, isAlive, readIdentity } from './process-identity.js';

/** Held as long as its process lives; one left by a dead process is taken over. */
export interface Lock {
  release(): Promise<void>;
}

/** @throws WombatError WO_CONFLICT naming the process that holds it */
export async function acquireLock(path: string, what: string): Promise<Lock> {
  const own = JSON.stringify(await identifyProcess(process.pid));
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFile(temporary, own, { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 20; attempt++) {
      // link() fails when the name is taken, and shows the content whole or not at all.
      if ((await linked(temporary, path)) || (await takenOver(temporary, path, what))) return { release: () => releaseIfOwn(path, own) };
    }
    throw new WombatError('WO_CONFLICT', `${what}: the lock ${path} changes hands too fast`);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Puts our lock in the place of a dead holder's. Of many who find it, one at a time may: whoever holds
 * the lock on that very content, which dies with its holder as any lock does. The name is never free meanwhile.
 */
async function takenOver(from: string, path: string, what: string): Promise<boolean> {
  const held = await readFile(path, 'utf8').catch(() => undefined);
  if (held === undefined) return false;
  const holder = readIdentity(held);
  if (holder && (await isAlive(holder))) {
    throw new WombatError('WO_CONFLICT', `${what} runs already, as process ${holder.pid}`, { hint: `use it, stop it with \`kill ${holder.pid}\`, or give another --dir` });
  }
  const guard = await acquireLock(`${path}.${createHash('sha256').update(held).digest('hex').slice(0, 12)}`, what);
  try {
    if ((await readFile(path, 'utf8').catch(() => undefined)) !== held) return false;
    await rename(from, path);
    return true;
  } finally {
    await guard.release();
  }
}

async function releaseIfOwn(path: string, own: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => '')) === own) await rm(path, { force: true });
}
