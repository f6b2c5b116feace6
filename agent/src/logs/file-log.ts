import { posix } from 'node:path';
import type { FoundFile } from './beneath.js';

/** Where files of a node may lie; `kept` is where they go when it is removed. */
export type Place = 'root' | 'data' | 'kept';

export interface FoundIn extends FoundFile {
  readonly place: 'root' | 'data';
}

/** A file, or what it was when it was last seen, as a part of a log. */
export interface FilePart {
  readonly place: Place;
  readonly path: string;
  readonly identity: string;
  /** Nanoseconds, as text. */
  readonly born: string;
  /** Offset of its first byte. */
  readonly start: number;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly torn: boolean;
}

/** A log that a release writes by itself, over all files that it has lain in. */
export interface FileLog {
  readonly key: number;
  readonly name: string;
  /** Where the newest part is expected. */
  readonly place: Place;
  readonly path: string;
  /** One past the last byte that was ever seen; an agent that was away has it from the index of times. */
  readonly end: number;
  /** The oldest first; the last is the one that is written. */
  readonly parts: readonly FilePart[];
}

const olderParts = 4;

export function newFile(key: number, name: string, file: FoundIn): FileLog {
  return { key, name, place: file.place, path: file.path, end: file.sizeBytes, parts: [partOf(file, 0, false)] };
}

/**
 * What has become of a log since it was last looked at:
 * grown     the same file, larger
 * emptied   the same file, smaller: it begins again, and what was not read yet may be missing
 * renamed   another file lies at its path; the former one is found under its new name, and those that came and went between
 * replaced  another file lies at its path, and the former one is gone
 * gone      nothing lies at its path (yet)
 */
export function followFile(log: FileLog, found: readonly FoundIn[], isOfAnother: (identity: string) => boolean): FileLog {
  const byIdentity = new Map(found.filter(({ place, identity }) => place === log.place && !isOfAnother(identity)).map((file) => [file.identity, file]));
  const last = log.parts.at(-1);
  const older = log.parts.slice(0, -1).flatMap((part) => refound(part, byIdentity)).slice(-olderParts);
  const now = [...byIdentity.values()].find(({ path }) => path === log.path);
  const parts = last ? next(log, last, older, now, byIdentity) : now ? [partOf(now, log.end, true)] : [];
  const newest = parts.at(-1);
  return { ...log, parts, end: Math.max(log.end, newest ? newest.start + newest.sizeBytes : 0) };
}

function next(log: FileLog, last: FilePart, older: readonly FilePart[], now: FoundIn | undefined, byIdentity: ReadonlyMap<string, FoundIn>): readonly FilePart[] {
  if (last.place === 'kept') return [...older, last];
  const seenEnd = log.end;
  if (now && now.identity === last.identity) {
    if (last.start + now.sizeBytes >= seenEnd) return [...older, { ...last, path: now.path, sizeBytes: now.sizeBytes, modifiedMs: now.modifiedMs }];
    return [partOf(now, seenEnd, true)];
  }
  const renamed = byIdentity.get(last.identity);
  const former = renamed ? { ...last, path: renamed.path, sizeBytes: renamed.sizeBytes, modifiedMs: renamed.modifiedMs } : undefined;
  if (!now) return [...older, ...(former ? [former] : [])].slice(-olderParts - 1);
  const chain = former ? [...older, former] : [...older];
  let end = former ? former.start + former.sizeBytes : seenEnd;
  if (former) {
    const known = new Set([...chain, now].map(({ identity }) => identity));
    for (const file of between(former, now, [...byIdentity.values()].filter(({ identity }) => !known.has(identity)))) {
      chain.push(partOf(file, end, false));
      end += file.sizeBytes;
    }
  }
  return [...chain.slice(-olderParts), partOf(now, end, former === undefined)];
}

/** Files that were this log and were renamed again, all since the last look. */
function between(former: FilePart, now: FoundIn, files: readonly FoundIn[]): FoundIn[] {
  const stem = posix.basename(now.path);
  const directory = posix.dirname(now.path);
  return files
    .filter(({ path, bornNs }) => posix.dirname(path) === directory && posix.basename(path).startsWith(stem) && bornNs >= BigInt(former.born) && bornNs <= now.bornNs)
    .sort((one, other) => (one.bornNs < other.bornNs ? -1 : 1));
}

function refound(part: FilePart, byIdentity: ReadonlyMap<string, FoundIn>): FilePart[] {
  if (part.place === 'kept') return [part];
  const file = byIdentity.get(part.identity);
  return file && file.sizeBytes >= part.sizeBytes ? [{ ...part, path: file.path }] : [];
}

function partOf(file: FoundIn, start: number, torn: boolean): FilePart {
  return { place: file.place, path: file.path, identity: file.identity, born: String(file.bornNs), start, sizeBytes: file.sizeBytes, modifiedMs: file.modifiedMs, torn };
}
