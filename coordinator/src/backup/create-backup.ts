import { randomBytes } from 'node:crypto';
import { chmod, copyFile, link, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { wombatVersion, WombatError, type Clock } from '@wombat/proto';
import type { StorePlace } from '../store/place.js';
import { archiveFiles } from './archive-files.js';
import { configurationName, manifestName, pathPattern, sha256OfFile, storeName, type BackupFile, type BackupManifest } from './manifest.js';

export interface BackupsOptions {
  /** Of the coordinator. */
  readonly directory: string;
  readonly place: Pick<StorePlace, 'copy'>;
  readonly clusterId: string;
  readonly clock: Clock;
  /** The configuration file in use, wherever it lies. */
  readonly configurationFile: string | undefined;
}

export interface Backup {
  readonly manifest: BackupManifest;
  /** The archive, in pieces of at most 256 KiB. */
  read(signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Removes what was gathered for it. */
  discard(): Promise<void>;
}

const stagingPrefix = 'backup.';
/** Written anew at each start, or of no use elsewhere. */
const leftOut = /^(?:addresses\.json|.*\.lock(?:\..*)?|.*\.tmp|backup\..*|restore\..*)$/;

/**
 * Makes backups while the coordinator runs: the store as it is at one moment, then keys, configuration and releases. What drivers
 * keep of machines on this computer (`providers`) is not in them.
 */
export class Backups {
  /** Since when one is under way: each has a copy of the store on the disk. */
  private since: number | undefined;

  constructor(private readonly options: BackupsOptions) {}

  /**
   * One at a time, until it is discarded.
   * @throws WombatError WO_CONFLICT, WO_DISK_FULL, WO_BACKUP_ELSEWHERE
   */
  async create(signal: AbortSignal): Promise<Backup> {
    if (this.since !== undefined) {
      throw new WombatError('WO_CONFLICT', `another backup has been under way since ${new Date(this.since).toISOString()}`, { hint: 'wait until it has ended, then ask again' });
    }
    this.since = this.options.clock.now();
    try {
      const { discard, ...backup } = await this.make(signal);
      return { ...backup, discard: () => discard().finally(() => this.end()) };
    } catch (error) {
      this.end();
      throw error;
    }
  }

  private end(): void {
    this.since = undefined;
  }

  private async make(signal: AbortSignal): Promise<Backup> {
    const { directory } = this.options;
    const staging = path.join(directory, `${stagingPrefix}${randomBytes(6).toString('hex')}`);
    await mkdir(staging, { mode: 0o700 });
    try {
      await this.gather(staging);
      signal.throwIfAborted();
      const manifest = await this.manifest(staging, signal);
      await writeFile(path.join(staging, manifestName), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 });
      return { manifest, read: (reading) => archiveFiles(staging, [manifestName, ...manifest.files.map((file) => file.path)], reading), discard: () => rm(staging, { recursive: true, force: true }) };
    } catch (error) {
      await rm(staging, { recursive: true, force: true });
      throw asDiskFull(error);
    }
  }

  /** What a coordinator that was killed in the middle has left. */
  async removeLeftovers(): Promise<void> {
    const { directory } = this.options;
    for (const entry of await readdir(directory)) {
      if (entry.startsWith(stagingPrefix)) await rm(path.join(directory, entry), { recursive: true, force: true });
    }
  }

  private async gather(staging: string): Promise<void> {
    const { directory, configurationFile } = this.options;
    for (const folder of ['store', 'ca', 'blobs']) await mkdir(path.join(staging, folder), { mode: 0o700 });
    // First: whatever a row names was there before the row.
    await this.options.place.copy(path.join(staging, storeName));
    for (const file of await filesIn(directory)) if (!leftOut.test(file)) await copyPrivately(path.join(directory, file), path.join(staging, file));
    for (const file of await filesIn(path.join(directory, 'ca'))) await copyPrivately(path.join(directory, 'ca', file), path.join(staging, 'ca', file));
    // A blob never changes, so its name is enough to keep it while it is read.
    for (const file of await filesIn(path.join(directory, 'blobs'))) await linkIfThere(path.join(directory, 'blobs', file), path.join(staging, 'blobs', file));
    if (configurationFile !== undefined) await copyPrivately(configurationFile, path.join(staging, configurationName));
  }

  private async manifest(staging: string, signal: AbortSignal): Promise<BackupManifest> {
    const { clock, clusterId } = this.options;
    const createdAt = clock.now();
    const files: BackupFile[] = [];
    for (const folder of ['', 'ca', 'blobs', 'store']) {
      for (const file of await filesIn(path.join(staging, folder))) {
        signal.throwIfAborted();
        const name = path.posix.join(folder, file);
        if (!pathPattern.test(name)) continue;
        const full = path.join(staging, name);
        files.push({ path: name, sha256: await sha256OfFile(full), sizeBytes: (await stat(full)).size, mode: name === 'ca/ca.crt' ? 0o644 : 0o600 });
      }
    }
    return { format: 1, version: wombatVersion, clusterId, createdAt, files };
  }
}

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name).sort();
}

async function copyPrivately(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  await chmod(to, 0o600);
}

/** A release may be removed while others are gathered. */
async function linkIfThere(from: string, to: string): Promise<void> {
  await link(from, to).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

function asDiskFull(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOSPC' && code !== 'EDQUOT' && code !== 'SQLITE_FULL') return error;
  return new WombatError('WO_DISK_FULL', 'the disk of the coordinator has no room for a copy of its store', { cause: error });
}
