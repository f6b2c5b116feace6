import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { limits } from '@wombat/proto';
import type { UploadArtifactRequest } from '@wombat/proto/control';
import { UsageError } from '../usage-error.js';

export interface UploadProgress {
  readonly sentBytes: number;
  readonly totalBytes: number;
}

/** A file of this machine that is to be uploaded, held open: it cannot be swapped unseen between hashing and sending. */
export interface LocalFile {
  readonly handle: FileHandle;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Its permissions. */
  readonly mode: number;
}

/** @throws UsageError when it is none */
export async function withLocalFile<T>(path: string, use: (file: LocalFile) => Promise<T>): Promise<T> {
  const { handle, mode } = await openFile(path);
  try {
    return await use({ handle, mode, ...(await hashOf(handle)) });
  } finally {
    await handle.close();
  }
}

/** The messages of an upload: a header, then the bytes. */
export async function* chunksOf({ handle, sha256, sizeBytes }: LocalFile, onProgress: (progress: UploadProgress) => void): AsyncGenerator<UploadArtifactRequest> {
  yield { kind: { $case: 'header', value: { sha256, sizeBytes: BigInt(sizeBytes) } } };
  let sentBytes = 0;
  for await (const data of pieces(handle, limits.artifactChunkBytes)) {
    yield { kind: { $case: 'data', value: data } };
    sentBytes += data.length;
    onProgress({ sentBytes, totalBytes: sizeBytes });
  }
}

async function openFile(path: string): Promise<{ readonly handle: FileHandle; readonly mode: number }> {
  try {
    const handle = await open(path, 'r');
    const found = await handle.stat();
    if (found.isFile()) return { handle, mode: found.mode & 0o777 };
    await handle.close();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new UsageError(`there is no file ${path}`);
    throw new UsageError(`${path} cannot be read (${code})`);
  }
  throw new UsageError(`${path} is no regular file`);
}

async function hashOf(file: FileHandle): Promise<{ sha256: string; sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of pieces(file, 1024 * 1024)) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { sha256: hash.digest('hex'), sizeBytes };
}

/** The file from its beginning, by position, so that it can be read twice. */
async function* pieces(file: FileHandle, sizeBytes: number): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(sizeBytes), 0, sizeBytes, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
