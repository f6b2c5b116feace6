import { createHash, type Hash } from 'node:crypto';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { WombatError } from '@wombat/proto';
import { failpoint } from '@wombat/proto/failpoints';
import type { ArtifactSource } from '../session/handlers.js';
import { asDiskFull, checkSpace } from './disk-full.js';

export interface DownloadRequest {
  readonly source: ArtifactSource;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Grows across interruptions and restarts of the agent. */
  readonly partialPath: string;
  /** What it is to the reader of an error. @default 'the release' */
  readonly what?: string;
}

/** What arrives wrong is fetched once more from its beginning, what ends early once more from there. */
const attempts = 2;
const usualWhat = 'the release';

/**
 * Fetches an artifact into `partialPath`, going on where an earlier try was cut off; what is there is hashed again,
 * for nobody knows who has written it. An interruption leaves it in place; wrong bytes and a full disk do not.
 * @throws WombatError WO_ARTIFACT_CORRUPT, WO_DISK_FULL, or what the source throws
 */
export async function download(request: DownloadRequest, signal: AbortSignal): Promise<void> {
  const { partialPath, sizeBytes, what = usualWhat } = request;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await resume(request, signal);
    } catch (error) {
      const isLast = attempt === attempts;
      if (WombatError.is(error) && error.code === 'WO_ARTIFACT_CORRUPT') {
        if (isLast || error.details['isCut'] === undefined) await rm(partialPath, { force: true });
        if (!isLast) continue;
      }
      const told = await asDiskFull(error, dirname(partialPath), sizeBytes, `${what} needs`);
      // The space is needed by what runs here; the bytes can be had again.
      if (isOfSpace(told)) await rm(partialPath, { force: true });
      throw told;
    }
  }
}

async function resume(request: DownloadRequest, signal: AbortSignal): Promise<void> {
  const { what = usualWhat } = request;
  const file = await open(request.partialPath, 'a+', 0o600);
  try {
    const { hash, offset } = await rehash(file, request.sizeBytes, signal);
    await checkSpace(dirname(request.partialPath), request.sizeBytes, offset, what);
    if (offset < request.sizeBytes) await append(request, file, hash, offset, signal);
    const sha256 = hash.digest('hex');
    if (sha256 !== request.sha256) throw corrupt(what, `its sha256 is ${sha256}, not ${request.sha256}`);
  } finally {
    await file.close();
  }
}

async function rehash(file: FileHandle, sizeBytes: number, signal: AbortSignal): Promise<{ hash: Hash; offset: number }> {
  if ((await file.stat()).size > sizeBytes) await file.truncate(0);
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(256 * 1024);
  for (let offset = 0; ; ) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
    if (bytesRead === 0) return { hash, offset };
    hash.update(buffer.subarray(0, bytesRead));
    offset += bytesRead;
  }
}

async function append(request: DownloadRequest, file: FileHandle, hash: Hash, start: number, signal: AbortSignal): Promise<void> {
  const { what = usualWhat } = request;
  let offset = start;
  for await (const chunk of request.source.fetch(request.sha256, start, signal)) {
    signal.throwIfAborted();
    if (offset + chunk.length > request.sizeBytes) throw corrupt(what, `more than its ${request.sizeBytes} bytes came`);
    for (let written = 0; written < chunk.length; ) {
      written += (await file.write(chunk, written, chunk.length - written)).bytesWritten;
    }
    hash.update(chunk);
    offset += chunk.length;
    await failpoint('agent.download.during');
  }
  if (offset < request.sizeBytes) throw corrupt(what, `it ended after ${offset} of ${request.sizeBytes} bytes`, { isCut: 'true' });
}

function isOfSpace(error: unknown): boolean {
  return WombatError.is(error) && (error.code === 'WO_DISK_FULL' || error.code === 'WO_DISK_TOO_SMALL');
}

function corrupt(what: string, reason: string, details: Readonly<Record<string, string>> = {}): WombatError {
  return new WombatError('WO_ARTIFACT_CORRUPT', `${what} did not arrive as it was stored: ${reason}`, { details });
}
