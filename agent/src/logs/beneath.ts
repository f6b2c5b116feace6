import { closeSync, constants, fstatSync, lstatSync, openSync, opendirSync, readSync, renameSync, writeSync, type BigIntStats } from 'node:fs';
import { removeUnfollowed } from '../accounts/remove-unfollowed.js';
import { directoryFlags, openDirectory, through } from '../files/held-directory.js';
import { openPlainFile } from './plain-file.js';
import { GlobState } from './glob.js';

/** A node may fill its directories as it likes; so much of them is looked at. */
const maximumEntries = 2_000;
const maximumDepth = 16;

/** A file below a directory, as it was when it was looked at. */
export interface FoundFile {
  readonly path: string;
  readonly identity: string;
  readonly bornNs: bigint;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly matches: boolean;
}

export interface Found {
  /** All files of each directory in which one could match. */
  readonly files: readonly FoundFile[];
  /** There was more than is looked at. */
  readonly isCut: boolean;
}

/** The same for as long as it is the same file: numbers of files are used again, with another birth. */
export function identityOf({ dev, ino, birthtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${birthtimeNs}`;
}

/** A file below a directory whose content belongs to somebody else. */
export interface Beneath {
  readonly directory: string;
  readonly path: string;
  readonly identity: string;
}

/**
 * Opens a file: no part of the path below the directory may be a link, and the file is the one that was
 * found. Each directory is opened by the descriptor of the one before, so nothing can be exchanged in between.
 */
export function openBeneath({ directory, path, identity }: Beneath): number {
  return inParent(directory, path, (place) => {
    const descriptor = openPlainFile(place);
    const found = fstatSync(descriptor, { bigint: true });
    // A second name of a file may be the name of somebody else's file.
    if (identityOf(found) === identity && found.nlink === 1n) return descriptor;
    closeSync(descriptor);
    throw Object.assign(new Error(`${path} is another file now`), { code: 'ESTALE' });
  });
}

/** Moves a file away, or its last bytes when it is larger than that. Answers what lies at the target then. */
export function moveBeneath(file: Beneath, target: string, atMostBytes: number): { readonly identity: string; readonly sizeBytes: number } {
  const from = openBeneath(file);
  try {
    removeUnfollowed(target);
    const { size } = fstatSync(from);
    if (size > atMostBytes || !isRenamed(file, target)) copyEnd(from, target, Math.min(size, atMostBytes));
    const stats = lstatSync(target, { bigint: true });
    return { identity: identityOf(stats), sizeBytes: Number(stats.size) };
  } finally {
    closeSync(from);
  }
}

/** Not across file systems; and not when it has become another file meanwhile. */
function isRenamed({ directory, path, identity }: Beneath, target: string): boolean {
  try {
    inParent(directory, path, (place) => renameSync(place, target));
  } catch {
    return false;
  }
  if (identityOf(lstatSync(target, { bigint: true })) === identity) return true;
  removeUnfollowed(target);
  return false;
}

function copyEnd(from: number, target: string, sizeBytes: number): void {
  const to = openPlainFile(target, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    const chunk = Buffer.alloc(256 * 1024);
    const end = fstatSync(from).size;
    for (let at = end - sizeBytes; at < end; ) {
      const read = readSync(from, chunk, 0, Math.min(chunk.length, end - at), at);
      if (read === 0) break;
      writeSync(to, chunk, 0, read);
      at += read;
    }
  } finally {
    closeSync(to);
  }
}

/** Calls with a path whose last part alone is looked up by name. */
function inParent<T>(directory: string, path: string, use: (place: string) => T): T {
  const parts = path.split('/');
  const at = openDirectory(directory, parts.slice(0, -1));
  try {
    return use(through(at, parts.at(-1)!));
  } finally {
    closeSync(at);
  }
}

/** Files below a directory that match globs, and their neighbours. Links are never followed. */
export function findBeneath(directory: string, globs: readonly string[]): Found {
  const files: FoundFile[] = [];
  let seen = 0;
  let isCut = false;
  const visit = (at: number, prefix: string, state: GlobState, depth: number): void => {
    const directory = opendirSync(`/proc/self/fd/${at}`);
    try {
      for (let entry = directory.readSync(); entry; entry = directory.readSync()) {
        if (++seen > maximumEntries) {
          isCut = true;
          return;
        }
        const path = `${prefix}${entry.name}`;
        if (entry.isDirectory() && depth < maximumDepth) enter(at, entry.name, `${path}/`, state.into(entry.name), depth);
        else if (entry.isFile() && state.wantsFiles) look(at, entry.name, path, state.matchesFile(entry.name));
      }
    } finally {
      directory.closeSync();
    }
  };
  const enter = (at: number, name: string, prefix: string, state: GlobState, depth: number): void => {
    if (!state.isEmpty) within(through(at, name), (next) => visit(next, prefix, state, depth + 1));
  };
  const look = (at: number, name: string, path: string, matches: boolean): void => {
    const stats = lstatSync(through(at, name), { bigint: true, throwIfNoEntry: false });
    if (!stats?.isFile() || stats.nlink !== 1n) return;
    files.push({ path, identity: identityOf(stats), bornNs: stats.birthtimeNs, sizeBytes: Number(stats.size), modifiedMs: Number(stats.mtimeMs), matches });
  };
  const state = GlobState.of(globs);
  if (!state.isEmpty) within(directory, (at) => visit(at, '', state, 0));
  return { files, isCut };
}

/** What cannot be opened as a directory is passed over. */
function within(directory: string, use: (descriptor: number) => void): void {
  let descriptor: number;
  try {
    descriptor = openSync(directory, directoryFlags);
  } catch {
    return;
  }
  try {
    use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
