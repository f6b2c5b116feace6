import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';

/** A node may put a link or a pipe where its log was: the one leads elsewhere, opening the other can block for ever. */
const careful = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Opens what is a file of its own, and nothing else. The last part of the path is not followed. */
export function openPlainFile(file: string, flags: number = constants.O_RDONLY, mode?: number): number {
  const descriptor = openSync(file, flags | careful, mode);
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  throw Object.assign(new Error(`${file} is no file`), { code: 'EINVAL' });
}

/** 0 when there is none, or something else in its place. */
export function plainFileSize(file: string): number {
  const found = lstatSync(file, { throwIfNoEntry: false });
  return found?.isFile() ? found.size : 0;
}
