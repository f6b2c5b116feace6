import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { systemClock, WombatError } from '@wombat/proto';
import { syncDirectory } from '../identity/atomic-file.js';
import { cleanEnvironment, defaultPath } from '../processes/clean-environment.js';
import { runBriefly } from '../processes/run-briefly.js';
import { requireSpace } from '../releases/disk-full.js';
import { download, type DownloadRequest } from '../releases/download.js';
import { unpackedBytes } from '../releases/unpacked-size.js';
import type { Unpacker } from '../releases/unpacker.js';
import type { ArtifactSource } from '../session/handlers.js';

export interface StageRequest {
  /** Where versions/ lies. */
  readonly directory: string;
  readonly source: ArtifactSource;
  readonly unpacker: Unpacker;
  readonly sha256: string;
  readonly sizeBytes: number;
}

const versionTimeoutMs = 15_000;
const fetchAgainMs = 1_000;
const what = 'the package of the agent';

/**
 * Brings a package of the agent to versions/<sha256>, whole and on the disk or not at all, and sees that it runs here.
 * @throws WombatError WO_ARTIFACT_CORRUPT, WO_ARCHIVE_INVALID, WO_ARCHIVE_REFUSED, WO_DISK_FULL, WO_DISK_TOO_SMALL, WO_DEADLINE_EXCEEDED, WO_AGENT_UPDATE_FAILED it does not run here
 */
export async function stageVersion({ directory, source, unpacker, sha256, sizeBytes }: StageRequest, signal: AbortSignal): Promise<void> {
  const versions = join(directory, 'versions');
  const place = join(versions, sha256);
  if (await stat(place).catch(() => undefined)) return;
  const unfinished = `${place}.new`;
  const partialPath = `${place}.part`;
  await removeOthers(versions, `${sha256}.part`);
  try {
    await fetchWhole({ source, sha256, sizeBytes, partialPath, what }, signal);
    await requireSpace(versions, await unpackedBytes(partialPath, sizeBytes), `${what}, unpacked, needs`);
    await mkdir(unfinished);
    await unpacker.unpack({ archivePath: partialPath, sizeBytes, directory: unfinished }, signal);
    await tryOut(join(unfinished, 'bin/wombat-agent'), signal);
    await rename(unfinished, place);
    syncDirectory(versions);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
    await rm(partialPath, { force: true });
  }
}

/** A session that ends on the way is no reason to give up: over the next one it goes on where it was cut off. */
async function fetchWhole(request: DownloadRequest, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      return await download(request, signal);
    } catch (error) {
      if (!isPassing(error)) throw error;
      await systemClock.sleep(fetchAgainMs, signal);
    }
  }
}

function isPassing(error: unknown): boolean {
  return WombatError.is(error) && (error.code === 'WO_UNAVAILABLE' || error.code === 'WO_CANCELLED');
}

/** What earlier tries have left of other packages. */
async function removeOthers(versions: string, partial: string): Promise<void> {
  const left = (await readdir(versions)).filter((name) => name.includes('.') && name !== partial);
  for (const name of left) await rm(join(versions, name), { recursive: true, force: true });
}

async function tryOut(program: string, signal: AbortSignal): Promise<void> {
  const environment = cleanEnvironment({ path: defaultPath, home: homedir() });
  const { exit, stderr } = await runBriefly({ argv: [program, '--version'], workingDirectory: '/', environment, timeoutMs: versionTimeoutMs }, signal);
  if (exit.kind?.$case !== 'code' || exit.kind.value !== 0) throw new WombatError('WO_AGENT_UPDATE_FAILED', `${what} does not run on this machine: ${stderr.toString().trim().slice(0, 500)}`);
}
