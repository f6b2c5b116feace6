import { accessSync, constants, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

/**
 * The file that argv[0] means: with a slash a path seen from `directory`, else the first of its
 * name in `path`. Undefined when there is none that may be run.
 */
export function findProgram(name: string, directory: string, path: string): string | undefined {
  if (name === '' || name.includes('\0')) return undefined;
  const candidates = name.includes('/')
    ? [resolve(directory, name)]
    : path.split(':').filter((folder) => folder.startsWith('/')).map((folder) => join(folder, name));
  return candidates.find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    // Most folders of a path do not have it: an error for each would take ten times as long as the answer.
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return false;
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
