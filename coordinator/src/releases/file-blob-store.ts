import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, statfs, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { limits, sizeText, WombatError } from '@wombat/proto';
import type { BlobIdentity, BlobStore } from './blob-store.js';

const sha256Form = /^[0-9a-f]{64}$/;
/** An upload leaves this much to the store, which lies on the same disk. */
const reservedBytes = 16 * 1024 * 1024;

/**
 * One file for each blob, named by its sha256, 0600. A blob is written under another name, hashed on the way, synced
 * and renamed: what has the name is complete.
 */
export class FileBlobStore implements BlobStore {
  readonly #directory: string;
  readonly #staging: string;
  #prepared: Promise<void> | undefined;

  constructor(directory: string) {
    this.#directory = directory;
    this.#staging = join(directory, 'staging');
  }

  async put(source: AsyncIterable<Uint8Array>, expected: BlobIdentity, signal: AbortSignal): Promise<{ existed: boolean }> {
    const path = this.#path(expected.sha256);
    if (expected.sizeBytes > limits.artifactBytes) throw new WombatError('WO_ARTIFACT_TOO_LARGE', `the upload is said to have ${expected.sizeBytes} bytes`);
    await this.#prepare();
    if (await isWhole(path, expected, signal)) return { existed: true };
    await this.#checkRoom(expected.sizeBytes);
    const staged = join(this.#staging, randomBytes(12).toString('hex'));
    try {
      await writeVerified(source, staged, expected, signal);
      await rename(staged, path);
      await syncDirectory(this.#directory);
    } catch (error) {
      await rm(staged, { force: true });
      throw asDiskFull(error);
    }
    return { existed: false };
  }

  async *get(sha256: string, offset: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const path = this.#path(sha256);
    const sizeBytes = await this.size(sha256);
    if (sizeBytes === undefined) throw new WombatError('WO_NOT_FOUND', `no artifact has the sha256 ${sha256}`);
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > sizeBytes) {
      throw new WombatError('WO_INVALID_ARGUMENT', `the artifact ${sha256} has ${sizeBytes} bytes, the offset is ${offset}`);
    }
    if (offset === sizeBytes) return;
    yield* createReadStream(path, { start: offset, highWaterMark: limits.artifactChunkBytes, signal }) as AsyncIterable<Uint8Array>;
  }

  async size(sha256: string): Promise<number | undefined> {
    try {
      return (await stat(this.#path(sha256))).size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async storedBefore(time: number): Promise<string[]> {
    await this.#prepare();
    const names = (await readdir(this.#directory)).filter((name) => sha256Form.test(name));
    const ages = await Promise.all(names.map(async (name) => ({ name, time: await storedAt(join(this.#directory, name)) })));
    return ages.filter((blob) => blob.time < time).map(({ name }) => name);
  }

  async delete(sha256: string): Promise<boolean> {
    const existed = (await this.size(sha256)) !== undefined;
    await rm(this.#path(sha256), { force: true });
    return existed;
  }

  /** Before the first byte is taken. */
  async #checkRoom(sizeBytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.#directory);
    if (sizeBytes + reservedBytes <= bavail * bsize) return;
    const message = `the disk of the coordinator has no room for the upload: ${sizeText(sizeBytes)} and ${sizeText(reservedBytes)} for the store are needed, ${sizeText(bavail * bsize)} are free`;
    throw new WombatError('WO_DISK_FULL', message, { details: { neededBytes: String(sizeBytes + reservedBytes), freeBytes: String(bavail * bsize) } });
  }

  /** The only way from a remote string to a path. */
  #path(sha256: string): string {
    if (!sha256Form.test(sha256)) throw new WombatError('WO_INVALID_ARGUMENT', 'an artifact is named by 64 lower-case hex digits');
    return join(this.#directory, sha256);
  }

  /** Once in the life of the store: what an earlier one left half written goes. */
  #prepare(): Promise<void> {
    this.#prepared ??= (async () => {
      await rm(this.#staging, { recursive: true, force: true });
      await mkdir(this.#staging, { recursive: true, mode: 0o700 });
    })().catch((error: unknown) => {
      this.#prepared = undefined;
      throw asDiskFull(error);
    });
    return this.#prepared;
  }
}

/** Infinity for what has gone meanwhile. */
async function storedAt(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.mtimeMs ?? Infinity;
}

/** Read anew: whoever uploads again may do so because the disk has spoiled what is there. */
async function isWhole(path: string, expected: BlobIdentity, signal: AbortSignal): Promise<boolean> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: limits.artifactChunkBytes, signal }) as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      if (sizeBytes > expected.sizeBytes) return false;
    }
  } catch (error) {
    signal.throwIfAborted();
    const { code } = error as NodeJS.ErrnoException;
    // What cannot be read from a failing disk is as good as spoiled.
    if (code === 'ENOENT' || code === 'EIO') return false;
    throw error;
  }
  return sizeBytes === expected.sizeBytes && hash.digest('hex') === expected.sha256;
}

async function writeVerified(source: AsyncIterable<Uint8Array>, path: string, expected: BlobIdentity, signal: AbortSignal): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await copyVerified(source, file, expected, signal);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function copyVerified(source: AsyncIterable<Uint8Array>, file: FileHandle, expected: BlobIdentity, signal: AbortSignal): Promise<void> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of source) {
    signal.throwIfAborted();
    sizeBytes += chunk.length;
    if (sizeBytes > expected.sizeBytes) throw corrupt(`more than the ${expected.sizeBytes} bytes announced`);
    hash.update(chunk);
    for (let written = 0; written < chunk.length; ) {
      written += (await file.write(chunk, written, chunk.length - written)).bytesWritten;
    }
  }
  signal.throwIfAborted();
  if (sizeBytes !== expected.sizeBytes) throw corrupt(`${sizeBytes} bytes came of ${expected.sizeBytes}`);
  const sha256 = hash.digest('hex');
  if (sha256 !== expected.sha256) throw corrupt(`the sha256 is ${sha256}, not ${expected.sha256}`);
}

function corrupt(reason: string): WombatError {
  return new WombatError('WO_ARTIFACT_CORRUPT', `the upload did not arrive as it was sent: ${reason}`);
}

function asDiskFull(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new WombatError('WO_DISK_FULL', 'the disk of the coordinator has no room for the upload', { cause: error });
}

/** A name outlives a power cut only when its directory is synced. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
