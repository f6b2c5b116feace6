import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { limits, WombatError } from '@wombat/proto';
import { ReleaseServiceService, type UploadArtifactRequest, type UploadArtifactResponse } from '@wombat/proto/control';
import { UsageError } from '../usage-error.js';
import type { Control } from './control.js';

export interface UploadProgress {
  readonly sentBytes: number;
  readonly totalBytes: number;
}

/** Hashes the file, then streams it; both read the one open file, so that it cannot be swapped in between unseen. */
export async function uploadArtifact(control: Control, path: string, onProgress: (progress: UploadProgress) => void = () => {}): Promise<UploadArtifactResponse> {
  const file = await openTarball(path);
  try {
    const { sha256, sizeBytes } = await hashOf(file);
    if (sizeBytes === 0) throw new UsageError(`${path} is empty`);
    if (sizeBytes > limits.artifactBytes) throw new WombatError('WO_ARTIFACT_TOO_LARGE', `${path} has ${sizeBytes} bytes, allowed are ${limits.artifactBytes}`);
    const requests = chunks(file, sha256, sizeBytes, onProgress);
    return await control.upload(ReleaseServiceService.uploadArtifact, requests);
  } finally {
    await file.close();
  }
}

async function openTarball(path: string): Promise<FileHandle> {
  try {
    const file = await open(path, 'r');
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new UsageError(`there is no file ${path}`);
    throw new UsageError(`the tarball ${path} cannot be read (${code})`);
  }
  throw new UsageError(`the tarball ${path} is no regular file`);
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

async function* chunks(file: FileHandle, sha256: string, sizeBytes: number, onProgress: (progress: UploadProgress) => void): AsyncGenerator<UploadArtifactRequest> {
  yield { kind: { $case: 'header', value: { sha256, sizeBytes: BigInt(sizeBytes) } } };
  let sentBytes = 0;
  for await (const data of pieces(file, limits.artifactChunkBytes)) {
    yield { kind: { $case: 'data', value: data } };
    sentBytes += data.length;
    onProgress({ sentBytes, totalBytes: sizeBytes });
  }
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
