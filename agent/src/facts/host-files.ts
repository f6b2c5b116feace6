import { readFileSync } from 'node:fs';

/** The kernel's files; tests give texts of their own. Undefined: not there, or not to be read. */
export type ReadHostFile = (path: string) => string | undefined;

export const readHostFile: ReadHostFile = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};
