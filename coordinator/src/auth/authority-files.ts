import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { WombatError } from '@wombat/proto';
import { flushDirectory, makePrivateDirectory, readPrivateFile, writeFileAtomically } from './private-file.js';

/** Key (PKCS#8) and certificate of an authority as they lie on disk. */
export interface AuthorityFiles {
  readonly keyPem: string;
  readonly certificatePem: string;
}

/**
 * Reads `ca.key` and `ca.crt` of the directory, and writes what `make` answers when there are none.
 * @throws WombatError WO_KEY_UNUSABLE when only one of them is there or others may read the key
 */
export async function readOrCreateAuthorityFiles(directory: string, make: () => Promise<AuthorityFiles>): Promise<AuthorityFiles> {
  return (await read(directory)) ?? (await create(directory, await make()));
}

async function read(directory: string): Promise<AuthorityFiles | undefined> {
  const key = await readPrivateFile(join(directory, 'ca.key'));
  const certificatePem = await readFile(join(directory, 'ca.crt'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (key && certificatePem !== undefined) return { keyPem: key.toString('utf8'), certificatePem };
  if (key || certificatePem !== undefined) throw new WombatError('WO_KEY_UNUSABLE', `${directory} holds only one of ca.key and ca.crt`);
  return undefined;
}

/** Both files come to be at once: the directory is made under another name and renamed. */
async function create(directory: string, made: AuthorityFiles): Promise<AuthorityFiles> {
  const temporary = `${directory}.${randomBytes(6).toString('hex')}.tmp`;
  await mkdir(dirname(directory), { recursive: true, mode: 0o700 });
  await makePrivateDirectory(temporary);
  await writeFileAtomically(join(temporary, 'ca.key'), made.keyPem);
  await writeFileAtomically(join(temporary, 'ca.crt'), made.certificatePem, { mode: 0o644 });
  try {
    await rename(temporary, directory);
    await flushDirectory(dirname(directory));
    return made;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    // Another process was faster: its authority is the one.
    const theirs = await read(directory);
    if (theirs) return theirs;
    throw error;
  }
}
