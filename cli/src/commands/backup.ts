import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { WombatError, quoted } from '@wombat/proto';
import { BackupSummary, CreateBackupRequest, SystemServiceService } from '@wombat/proto/control';
import { defineCommand, required } from '../command.js';
import { flag } from '../options.js';
import { bytes } from '../output/words.js';
import type { Runtime } from '../runtime.js';

export const backup = defineCommand({
  description: [
    'Saves everything that a coordinator needs to be set up again: its store, the authority and keys of the cluster, the secrets, releases and its configuration. The coordinator runs on meanwhile.',
    'Whoever has the file can be the coordinator and read every secret: keep it as you keep a private key. Restore it with wo restore.',
  ].join('\n'),
  examples: [
    { command: 'wo backup /var/backups/', explanation: 'into a directory, under a name with cluster and time' },
    { command: 'wo backup cluster.tar', explanation: 'into this file' },
  ],
  arguments: { to: required('file to write, or a directory that is there') },
  options: { force: flag('--force', 'replace the file that is there') },
  async run(runtime, { to }, { force }) {
    const control = await runtime.control();
    const given = resolve(runtime.io.cwd, to);
    const isDirectory = (await stat(given).catch(() => undefined))?.isDirectory() ?? false;
    // Refused before the coordinator gathers anything.
    if (!isDirectory && !force) await refuseExisting(given);
    const saved = await save(control.stream(SystemServiceService.createBackup, CreateBackupRequest.fromPartial({})), (summary) => (isDirectory ? join(given, nameOf(summary)) : given));
    await tell(runtime, saved);
  },
});

interface Saved {
  readonly path: string;
  readonly summary: BackupSummary;
}

type Messages = AsyncIterable<{ readonly kind?: { readonly $case: 'summary'; readonly value: BackupSummary } | { readonly $case: 'data'; readonly value: Uint8Array } | undefined }>;

/** Under another name until all of it is there and on the disk. */
async function save(messages: Messages, pathFor: (summary: BackupSummary) => string): Promise<Saved> {
  let saved: Saved | undefined;
  let file: FileHandle | undefined;
  const partOf = (path: string): string => `${path}.${process.pid}.part`;
  try {
    for await (const { kind } of messages) {
      if (kind?.$case === 'summary') {
        saved = { path: pathFor(kind.value), summary: kind.value };
        file = await openPrivately(partOf(saved.path));
      } else if (kind?.$case === 'data') {
        await file?.writeFile(kind.value);
      }
    }
    if (!saved || !file) throw new WombatError('WO_BACKUP_INVALID', 'the coordinator sent no backup');
    await file.sync();
    await rename(partOf(saved.path), saved.path);
    return saved;
  } catch (error) {
    if (saved) await rm(partOf(saved.path), { force: true });
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw new WombatError('WO_DISK_FULL', `there is no room for ${saved?.path ?? 'the backup'}`);
    throw error;
  } finally {
    await file?.close();
  }
}

async function openPrivately(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'w', 0o600);
  } catch (error) {
    throw new WombatError('WO_INVALID_ARGUMENT', `${path} cannot be written (${(error as NodeJS.ErrnoException).code})`, { hint: 'give a file in a directory that you may write to' });
  }
}

async function refuseExisting(path: string): Promise<void> {
  if (await stat(path).catch(() => undefined)) throw new WombatError('WO_CONFLICT', `${path} is there already`, { hint: 'give another name, or replace it with --force' });
}

/** "wombat-abcdefghijkl-20260102T030405Z.tar" */
function nameOf({ clusterId, createdAt }: BackupSummary): string {
  const cluster = /^[a-z2-7]{12}$/.test(clusterId) ? clusterId : 'cluster';
  return `wombat-${cluster}-${(createdAt ?? new Date(0)).toISOString().replace(/[-:]|\.\d+/g, '')}.tar`;
}

async function tell({ print, io }: Runtime, { path, summary }: Saved): Promise<void> {
  if (print.isForPrograms) return print.json({ path, ...(BackupSummary.toJSON(summary) as object) });
  print.data(path);
  print.tell(`${print.err.green('✓')} ${summary.files} files, ${bytes(summary.sizeBytes)}, of cluster ${summary.clusterId}; restore with: wo restore ${quoted(path)}`);
  if (io.stderr.isTTY === true) print.warn(`${print.err.yellow('warning:')} the keys of the cluster and its secrets are in this file; only you can read it (0600)`);
}
