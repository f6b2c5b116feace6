import { randomBytes } from 'node:crypto';
import { chmod, link, lstat, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { WombatError } from '@wombat/proto';

/** Makes the directory with mode 0700, and takes it away from others when it was there already. */
export async function makePrivateDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
}

/**
 * Writes the whole file or nothing: under another name, flushed, then renamed.
 * @param options.mode @default 0o600
 */
export async function writeFileAtomically(path: string, bytes: Uint8Array | string, options: { mode?: number } = {}): Promise<void> {
  const temporary = await writeTemporary(path, bytes, options.mode ?? 0o600);
  await rename(temporary, path).catch(async (error: unknown) => {
    await rm(temporary, { force: true });
    throw error;
  });
  await flushDirectory(dirname(path));
}

/**
 * Answers what the file holds; writes `make()` first when there is none. Of two processes that do
 * so at once one wins, and both answer the winner's bytes.
 */
export async function readOrCreatePrivateFile(path: string, make: () => Uint8Array): Promise<Buffer> {
  const present = await readPrivateFile(path);
  if (present) return present;
  const temporary = await writeTemporary(path, make(), 0o600);
  try {
    await link(temporary, path);
    await flushDirectory(dirname(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  return (await readPrivateFile(path))!;
}

/**
 * Undefined when there is no such file.
 * @throws WombatError WO_KEY_UNUSABLE when it is no regular file or others may read it
 */
export async function readPrivateFile(path: string): Promise<Buffer | undefined> {
  let mode: number;
  try {
    const status = await lstat(path);
    if (!status.isFile()) throw new WombatError('WO_KEY_UNUSABLE', `${path} is no regular file`);
    mode = status.mode & 0o777;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  if ((mode & 0o077) !== 0) {
    throw new WombatError('WO_KEY_UNUSABLE', `${path} may be read by others: its mode is ${mode.toString(8)}, not 600`, {
      hint: `look who may have read it, then: chmod 600 ${path}`,
    });
  }
  return readFile(path);
}

async function writeTemporary(path: string, bytes: Uint8Array | string, mode: number): Promise<string> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const file = await open(temporary, 'wx', mode);
  try {
    // The umask may have taken bits away that were asked for.
    await file.chmod(mode);
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  return temporary;
}

/** A rename is on the disk only when its directory is. */
export async function flushDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
