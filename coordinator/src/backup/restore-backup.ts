import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { extract } from 'tar';
import { WombatError, type Clock } from '@wombat/proto';
import { CertificateAuthority } from '../auth/certificate-authority.js';
import { ensureClusterId } from '../auth/cluster-id.js';
import { flushDirectory, makePrivateDirectory } from '../auth/private-file.js';
import { rememberRestore } from '../auth/restored.js';
import { SecretBox } from '../auth/secret-box.js';
import { checkSqliteStore, moveAhead } from '../store/sqlite/copy.js';
import { openSqliteStore } from '../store/sqlite/open.js';
import { manifestName, parseManifest, pathPattern, sha256OfFile, storeName, type BackupManifest } from './manifest.js';

/** What may lie in the directory before: machines on this computer, and the lock that the caller holds. */
const mayBeThere = /^(?:providers|coordinator\.lock.*)$/;

/**
 * Sets up the directory of a coordinator from an archive. Everything is verified before the first file has its name; the store
 * comes last, so that a directory half set up never starts as a cluster of its own.
 * @throws WombatError WO_IN_USE when the directory is not empty; WO_BACKUP_INVALID, WO_STORE_NEWER, WO_KEY_UNUSABLE: then it is as before
 */
export async function restoreBackup(archive: string, directory: string, clock: Clock): Promise<BackupManifest> {
  await makePrivateDirectory(directory);
  const inTheWay = (await readdir(directory)).filter((entry) => !mayBeThere.test(entry));
  if (inTheWay.length > 0) {
    throw new WombatError('WO_IN_USE', `${directory} is not empty: it has ${inTheWay.slice(0, 5).join(', ')}`, { hint: 'a backup is restored into an empty directory: move what is there away first' });
  }
  const staging = path.join(directory, `restore.${randomBytes(6).toString('hex')}`);
  await mkdir(staging, { mode: 0o700 });
  try {
    await unpack(archive, staging);
    const manifest = await verify(staging);
    await prepare(staging, manifest, clock);
    await putInPlace(staging, directory);
    return manifest;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function unpack(archive: string, staging: string): Promise<void> {
  const refused: string[] = [];
  const filter = (name: string, entry: unknown): boolean => {
    const { type } = entry as { type?: string };
    const isAllowed = type === 'File' && pathPattern.test(name) && !mayBeThere.test(name);
    if (!isAllowed) refused.push(name);
    return isAllowed;
  };
  try {
    await stat(archive);
    await extract({ file: archive, cwd: staging, strict: true, filter, noChmod: true, umask: 0o077 });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EACCES') throw new WombatError('WO_NOT_FOUND', `${archive} cannot be read: ${code}`, { hint: 'give the path of a backup' });
    if (code === 'ENOSPC' || code === 'EDQUOT') throw new WombatError('WO_DISK_FULL', `there is no room for the backup in ${path.dirname(staging)}`);
    throw new WombatError('WO_BACKUP_INVALID', `${archive} cannot be unpacked: ${message}`, { cause: error });
  }
  if (refused.length > 0) throw new WombatError('WO_BACKUP_INVALID', `${archive} has an entry that no backup has: ${JSON.stringify(refused[0]!.slice(0, 100))}`);
}

async function verify(staging: string): Promise<BackupManifest> {
  const text = await readFile(path.join(staging, manifestName), 'utf8').catch(() => undefined);
  if (text === undefined) throw new WombatError('WO_BACKUP_INVALID', `the archive has no ${manifestName}`);
  const manifest = parseManifest(text);
  const listed = new Set(manifest.files.map((file) => file.path));
  for (const wanted of [storeName, 'ca/ca.key', 'ca/ca.crt', 'secrets.key']) {
    if (!listed.has(wanted)) throw new WombatError('WO_BACKUP_INVALID', `the archive has no ${wanted}`);
  }
  const unlisted = (await readdir(staging, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(staging, path.join(entry.parentPath, entry.name)))
    .find((name) => name !== manifestName && !listed.has(name));
  if (unlisted !== undefined) throw new WombatError('WO_BACKUP_INVALID', `the archive has ${unlisted}, which its manifest does not name`);
  for (const { path: name, sha256, sizeBytes, mode } of manifest.files) {
    const full = path.join(staging, name);
    const found = await stat(full).catch(() => undefined);
    if (found === undefined) throw new WombatError('WO_BACKUP_INVALID', `${name} is not in the archive: it was cut short`);
    if (found.size !== sizeBytes || (await sha256OfFile(full)) !== sha256) throw new WombatError('WO_BACKUP_INVALID', `${name} in the archive is damaged`);
    await chmod(full, mode);
  }
  return manifest;
}

/** Opens all that a coordinator opens at its start, and tells the store what has happened to it. */
async function prepare(staging: string, manifest: BackupManifest, clock: Clock): Promise<void> {
  const file = path.join(staging, storeName);
  const damage = checkSqliteStore(file);
  if (damage !== undefined) throw new WombatError('WO_BACKUP_INVALID', `the store in the archive is damaged: ${damage}`);
  const store = await openSqliteStore({ file, clock });
  try {
    const clusterId = await ensureClusterId(store);
    if (clusterId !== manifest.clusterId) throw new WombatError('WO_BACKUP_INVALID', `the store in the archive is of cluster ${clusterId}, its manifest of ${manifest.clusterId}`);
    await CertificateAuthority.load({ directory: staging, clusterId, clock });
    await SecretBox.load(staging, store);
    await rememberRestore(store, { backupAt: manifest.createdAt, restoredAt: clock.now() });
  } finally {
    await store.close();
  }
  moveAhead(file);
}

async function putInPlace(staging: string, directory: string): Promise<void> {
  await rm(path.join(staging, manifestName));
  const entries = await readdir(staging);
  for (const entry of [...entries.filter((name) => name !== 'store'), 'store']) await rename(path.join(staging, entry), path.join(directory, entry));
  await flushDirectory(directory);
}
