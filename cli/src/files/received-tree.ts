import { createHash, randomBytes, type Hash } from 'node:crypto';
import { lstat, mkdir, open, rename, rm, statfs, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { relativeParts, sizeText, WombatError } from '@wombat/proto';
import type { FileBegun, FilePart } from '@wombat/proto/types';

interface Open {
  readonly path: string;
  readonly temporary: string;
  readonly mode: number;
  readonly handle: FileHandle;
  readonly hash: Hash;
}

/**
 * The files of one target, in a folder of their own. Their names and bytes are a stranger's: nothing is written but plain
 * files below the folder, no link is followed, and a file has its name only when all of it is there and as its sha256 says.
 */
export class ReceivedTree {
  readonly folder: string;
  files = 0;
  bytes = 0;
  leftOut = 0;
  #open: Open | undefined;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** @throws WombatError WO_PULL_FAILED, WO_DISK_FULL; then nothing more of it is to be taken */
  async take({ kind }: FilePart): Promise<void> {
    try {
      if (kind?.$case === 'begun') await this.#begin(kind.value);
      if (kind?.$case === 'data') await this.#write(kind.value);
      if (kind?.$case === 'sha256') await this.#end(kind.value);
      if (kind?.$case === 'leftOut') this.leftOut = kind.value;
    } catch (error) {
      throw explained(error, this.folder);
    }
  }

  /** All has come. @throws WombatError */
  async finish(): Promise<void> {
    if (this.#open) throw failed(`${JSON.stringify(this.#open.path)} has no end`);
    await this.#enter([]).catch((error: unknown) => {
      throw explained(error, this.folder);
    });
  }

  /** What is half here goes. */
  async discard(): Promise<void> {
    const half = this.#open;
    this.#open = undefined;
    await half?.handle.close().catch(() => undefined);
    if (half) await rm(half.temporary, { force: true });
  }

  async #begin({ path, mode, sizeBytes }: FileBegun): Promise<void> {
    const parts = relativeParts(path);
    if (!parts || this.#open) throw failed(`${JSON.stringify(path.slice(0, 256))} is no path below a folder`);
    const folder = await this.#enter(parts.slice(0, -1));
    await requirePlain(join(this.folder, path), path);
    const { bavail, bsize } = await statfs(folder);
    if (Number(sizeBytes) > bavail * bsize) throw new WombatError('WO_DISK_FULL', `${JSON.stringify(path)} needs ${sizeText(sizeBytes)}, ${sizeText(bavail * bsize)} are free`);
    const temporary = join(folder, `.wo-${randomBytes(8).toString('hex')}`);
    this.#open = { path, temporary, mode: mode & 0o777, handle: await open(temporary, 'wx', 0o600), hash: createHash('sha256') };
  }

  async #write(data: Uint8Array): Promise<void> {
    if (!this.#open) throw failed('there are bytes of no file');
    this.#open.hash.update(data);
    this.bytes += data.length;
    for (let written = 0; written < data.length; ) written += (await this.#open.handle.write(data, written, data.length - written)).bytesWritten;
  }

  async #end(sha256: Uint8Array): Promise<void> {
    if (!this.#open) throw failed('there is the end of no file');
    const { path, temporary, mode, handle, hash } = this.#open;
    if (!hash.digest().equals(sha256)) throw failed(`${JSON.stringify(path)} did not arrive as it was sent`);
    await handle.chmod(mode);
    await handle.sync();
    await handle.close();
    await requirePlain(join(this.folder, path), path);
    await rename(temporary, join(this.folder, path));
    this.#open = undefined;
    this.files += 1;
  }

  /** Makes the folders on the way that are not there. */
  async #enter(parts: readonly string[]): Promise<string> {
    let folder = this.folder;
    await makeFolder(folder, '.');
    for (const part of parts) {
      folder = join(folder, part);
      await makeFolder(folder, part);
    }
    return folder;
  }
}

async function makeFolder(path: string, name: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (!(await lstat(path)).isDirectory()) throw failed(`${JSON.stringify(name)} is here already, and no folder`);
  }
}

async function requirePlain(path: string, name: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found && !found.isFile()) throw failed(`${JSON.stringify(name)} is here already, and no plain file`);
}

function explained(error: unknown, folder: string): WombatError {
  if (WombatError.is(error)) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') return new WombatError('WO_DISK_FULL', `the disk of ${folder} is full`);
  return failed(`it cannot be written: ${code ?? message}`);
}

function failed(message: string): WombatError {
  return new WombatError('WO_PULL_FAILED', message);
}
