import { randomBytes } from 'node:crypto';
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
    // link() fails when the name is taken, and shows the content whole or not at all.
    for (let attempt = 0; attempt < 5; attempt++) {
      if (await linked(temporary, path)) return { release: () => releaseIfOwn(path, own) };
      await refuseIfHeld(path, what);
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

/** Takes a dead holder's lock out of the way. Renamed first: of two who see it dead, one gets it. */
async function refuseIfHeld(path: string, what: string): Promise<void> {
  const held = await readFile(path, 'utf8').catch(() => '');
  const holder = readIdentity(held);
  if (holder && (await isAlive(holder))) {
    throw new WombatError('WO_CONFLICT', `${what} runs already, as process ${holder.pid}`, { hint: `use it, stop it with \`kill ${holder.pid}\`, or give another --dir` });
  }
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  const taken = await readFile(aside, 'utf8').catch(() => '');
  // Somebody else was faster and this is the new lock: give it back.
  if (taken !== held) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
}

async function releaseIfOwn(path: string, own: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => '')) === own) await rm(path, { force: true });
}
