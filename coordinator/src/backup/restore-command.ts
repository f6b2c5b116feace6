import { systemClock, WombatError } from '@wombat/proto';
import type { Configuration } from '../configuration/configuration.js';
import { makePrivateDirectory } from '../auth/private-file.js';
import { lockDirectory } from '../grounds.js';
import { restoreBackup } from './restore-backup.js';

/** The flag that makes the program restore instead of serve. */
export const restoreFlag = '--restore';

/** Takes `--restore ARCHIVE` out of the arguments. @throws WombatError WO_CONFIG_INVALID without an archive */
export function takeRestore(argv: readonly string[]): { readonly archive: string | undefined; readonly rest: readonly string[] } {
  const at = argv.indexOf(restoreFlag);
  if (at < 0) return { archive: undefined, rest: argv };
  const archive = argv[at + 1];
  if (archive === undefined || archive.startsWith('--')) throw new WombatError('WO_CONFIG_INVALID', `${restoreFlag} needs the path of a backup`);
  return { archive, rest: [...argv.slice(0, at), ...argv.slice(at + 2)] };
}

/** Sets up the directory of the configuration from a backup, while no coordinator works in it. */
export async function runRestore(archive: string, { directory, store }: Configuration): Promise<void> {
  if (store.url) throw new WombatError('WO_BACKUP_ELSEWHERE', 'the store of this configuration is in PostgreSQL (store.url): an archive has one of SQLite');
  await makePrivateDirectory(directory);
  const lock = lockDirectory(directory);
  try {
    const { clusterId, createdAt, files } = await restoreBackup(archive, directory, systemClock);
    process.stderr.write([
      `✓ cluster ${clusterId} is restored into ${directory}: ${files.length} files of ${new Date(createdAt).toISOString()}, each as its sha256 says`,
      `  start it: wo coordinator --directory ${directory}`,
      '  agents come back by themselves; what was changed after the backup is not known: see wo doctor and wo event list', '',
    ].join('\n'));
  } finally {
    lock.release();
  }
}
