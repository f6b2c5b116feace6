import { lstat, readdir, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { WombatError } from '@wombat/proto';

/**
 * Looks at what an unpacked tree really holds, whatever was thought to be written.
 * @throws WombatError WO_ARCHIVE_REFUSED for anything but files, directories, and links that stay inside
 */
export async function auditTree(root: string): Promise<void> {
  const inside = (await realpath(root)) + sep;
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isSymbolicLink()) await auditLink(path, inside);
      else if (!entry.isFile()) throw refused(path, 'is neither file, directory nor link');
      else if (((await lstat(path)).mode & 0o7000) !== 0) throw refused(path, 'has set-id bits');
    }
  }
}

async function auditLink(path: string, inside: string): Promise<void> {
  const target = await realpath(path).catch(() => undefined);
  // One that leads nowhere is harmless: nothing outside is named that could come to be, for targets stay inside.
  if (target !== undefined && !(target + sep).startsWith(inside)) throw refused(path, 'leads out of the release');
}

function refused(path: string, reason: string): WombatError {
  return new WombatError('WO_ARCHIVE_REFUSED', `the unpacked ${path} ${reason}`, { details: { entry: path } });
}
