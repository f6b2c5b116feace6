import { closeSync, constants, lstatSync, opendirSync, openSync, rmdirSync, unlinkSync } from 'node:fs';

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Removes what has a name, and all that is in it, while somebody else may still be changing that: each directory is
 * reached by the descriptor of the one before, so a link that is put in the way is removed and never followed.
 * The folder that the name itself is in must be the caller's.
 */
export function removeUnfollowed(path: string): void {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) return tolerant(() => unlinkSync(path));
  const descriptor = openSync(path, directoryFlags);
  try {
    for (const name of namesIn(descriptor)) removeUnfollowed(`/proc/self/fd/${descriptor}/${name}`);
  } finally {
    closeSync(descriptor);
  }
  tolerant(() => rmdirSync(path));
}

/** What has gone meanwhile need not be removed. */
function tolerant(remove: () => void): void {
  try {
    remove();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function namesIn(descriptor: number): string[] {
  const directory = opendirSync(`/proc/self/fd/${descriptor}`);
  const names: string[] = [];
  try {
    for (let entry = directory.readSync(); entry; entry = directory.readSync()) names.push(entry.name);
  } finally {
    directory.closeSync();
  }
  return names;
}
