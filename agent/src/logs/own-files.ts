import { closeSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { limits } from '@wombat/proto';
import { findBeneath, moveBeneath, openBeneath } from './beneath.js';
import { followFile, newFile, type FileLog, type FilePart, type FoundIn, type Place } from './file-log.js';
import type { LogSegment } from './log-segment.js';
import { openPlainFile } from './plain-file.js';
import { TimeIndex } from './time-index.js';

/** Directories of the node, as far as they are still there. */
export type Places = Readonly<Partial<Record<'root' | 'data', string>>>;

interface State {
  readonly globs: readonly string[];
  readonly nextKey: number;
  readonly logs: readonly FileLog[];
}

export interface Keeping {
  /** Of each log; of a larger one the last bytes stay. */
  readonly keptBytes: number;
  /** The data directory stays, and what lies in it. */
  readonly keepData: boolean;
}

const dataPrefixes = ['{{node.dataDir}}/', '{{path:data}}/'];
const longestNameLength = 250;
const mostScans = 3;

/**
 * The log files that a release writes by itself, each followed by what it is and not by what it is
 * called: renaming, emptying and replacing a file goes on with the same log. `files.json` beside the
 * node's other logs says which part of which log lies in which file.
 */
export class OwnFiles {
  readonly #directory: string;
  readonly #places: Places;
  #globs: readonly string[] = [];
  #nextKey = 1;
  #logs: FileLog[] = [];
  #omitted = 0;
  readonly #indexes = new Map<number, TimeIndex>();

  /** `directory` holds the node's logs. */
  constructor(directory: string, places: Places) {
    this.#directory = directory;
    this.#places = places;
    this.#load();
  }

  /** Matching files that are more than are followed. */
  get omitted(): number {
    return this.#omitted;
  }

  get logs(): readonly FileLog[] {
    return this.#logs;
  }

  /** Looks at what there is now. `globs` as in the manifest; those of an earlier look when left out. */
  look(nowMs: number, globs: readonly string[] = this.#globs): void {
    if (globs.length === 0 && this.#logs.length === 0) return;
    const before = JSON.stringify(this.#logs.map(withoutSize));
    const hasNewGlobs = globs.join('\0') !== this.#globs.join('\0');
    this.#globs = globs;
    const found = this.#findAll(globs);
    const owners = new Map(this.#logs.flatMap(({ key, parts }) => parts.map(({ identity }) => [identity, key] as const)));
    const isOfAnother = (key: number) => (identity: string): boolean => (owners.get(identity) ?? key) !== key;
    this.#logs = this.#logs.map((log) => followFile(log, found, isOfAnother(log.key)));
    this.#adopt(found);
    for (const log of this.#logs) this.index(log.key).note(nowMs, log.end);
    if (hasNewGlobs || JSON.stringify(this.#logs.map(withoutSize)) !== before) this.#save();
  }

  segments(log: FileLog): LogSegment[] {
    return log.parts.map(({ start, sizeBytes, torn, place, path, identity }) => ({
      start, sizeBytes, torn, position: 0,
      open: () => openBeneath({ directory: this.#directoryOf(place), path, identity }),
    }));
  }

  index(key: number): TimeIndex {
    const known = this.#indexes.get(key);
    if (known) return known;
    const index = new TimeIndex(this.#indexFile(key));
    this.#indexes.set(key, index);
    return index;
  }

  /** Moves the files to the node's other logs, before its directories are removed. */
  preserve(nowMs: number, { keptBytes, keepData }: Keeping): void {
    this.look(nowMs);
    if (this.#logs.length === 0) return;
    mkdirSync(this.#directoryOf('kept'), { recursive: true, mode: 0o700 });
    this.#logs = this.#logs.map((log) => (keepData && log.place === 'data' ? log : { ...log, parts: this.#moved(log, keptBytes) }));
    this.#save();
  }

  /** The newest first, until there is enough. */
  #moved({ key, parts }: FileLog, keptBytes: number): FilePart[] {
    let left = keptBytes;
    const moved: FilePart[] = [];
    for (const [index, part] of [...parts.entries()].reverse()) {
      if (part.place === 'kept') moved.unshift(part);
      if (part.place === 'kept' || left <= 0) continue;
      const path = `${key}.${index}`;
      try {
        const file = moveBeneath({ directory: this.#directoryOf(part.place), ...part }, join(this.#directoryOf('kept'), path), left);
        moved.unshift({ ...part, place: 'kept', path, identity: file.identity, start: part.start + part.sizeBytes - file.sizeBytes, sizeBytes: file.sizeBytes });
        left -= part.sizeBytes;
      } catch {
        // It has gone meanwhile.
      }
    }
    return moved;
  }

  /** A file that is renamed while its directory is read may be in neither place: then it is read again. */
  #findAll(globs: readonly string[]): FoundIn[] {
    const wanted = this.#logs.flatMap(({ parts }) => parts.slice(-1)).filter(({ place }) => place !== 'kept');
    for (let attempt = 1; ; attempt++) {
      const found = this.#find(globs);
      const identities = new Set(found.map(({ identity }) => identity));
      if (attempt === mostScans || wanted.every(({ identity }) => identities.has(identity))) return found;
    }
  }

  #find(globs: readonly string[]): FoundIn[] {
    const byPlace = { root: globs.filter((glob) => !isOfData(glob)), data: globs.filter(isOfData).map(withoutDataPrefix) } as const;
    let isCut = false;
    const files = (['root', 'data'] as const).flatMap((place) => {
      const directory = this.#places[place];
      if (directory === undefined || byPlace[place].length === 0) return [];
      const found = findBeneath(directory, byPlace[place]);
      isCut ||= found.isCut;
      return found.files.map((file) => ({ ...file, place }));
    });
    this.#omitted = isCut ? 1 : 0;
    return files;
  }

  /** Files that belong to no log begin logs of their own. Of too many, those written last are followed. */
  #adopt(found: readonly FoundIn[]): void {
    const names = new Set(this.#logs.map(({ name }) => name));
    const owned = new Set(this.#logs.flatMap(({ parts }) => parts.map(({ identity }) => identity)));
    const added = found.filter((file) => file.matches && !owned.has(file.identity) && isPlainName(file.path) && !names.has(nameOf(file)));
    added.sort((one, other) => other.modifiedMs - one.modifiedMs || (one.path < other.path ? -1 : 1));
    for (const file of added) {
      if (this.#logs.length >= limits.logFiles && !this.#dropOlderThan(file.modifiedMs)) this.#omitted += 1;
      else this.#logs.push(newFile(this.#nextKey++, nameOf(file), file));
    }
  }

  #dropOlderThan(modifiedMs: number): boolean {
    const ageOf = ({ parts }: FileLog): number => parts.at(-1)?.modifiedMs ?? 0;
    const oldest = this.#logs.reduce((one, other) => (ageOf(other) < ageOf(one) ? other : one));
    if (ageOf(oldest) >= modifiedMs) return false;
    this.#logs = this.#logs.filter((log) => log !== oldest);
    this.#omitted += 1;
    rmSync(this.#indexFile(oldest.key), { force: true });
    this.#indexes.delete(oldest.key);
    return true;
  }

  #directoryOf(place: Place): string {
    const directory = place === 'kept' ? join(this.#directory, 'files') : this.#places[place];
    if (directory === undefined) throw Object.assign(new Error(`there is no ${place} any more`), { code: 'ENOENT' });
    return directory;
  }

  #indexFile(key: number): string {
    return join(this.#directory, `file-${key}.times`);
  }

  get #stateFile(): string {
    return join(this.#directory, 'files.json');
  }

  #load(): void {
    try {
      const descriptor = openPlainFile(this.#stateFile);
      try {
        const state = JSON.parse(readFileSync(descriptor, 'utf8')) as State;
        if (!Array.isArray(state.logs) || !Array.isArray(state.globs)) return;
        [this.#globs, this.#nextKey, this.#logs] = [state.globs, state.nextKey, state.logs.map((log) => ({ ...log, end: Math.max(log.end, this.index(log.key).lastEnd) }))];
      } finally {
        closeSync(descriptor);
      }
    } catch {
      // None yet, or damaged: the files begin as new logs.
    }
  }

  #save(): void {
    if (!existsSync(this.#directory)) return;
    const staged = `${this.#stateFile}.new`;
    rmSync(staged, { recursive: true, force: true });
    const state: State = { globs: this.#globs, nextKey: this.#nextKey, logs: this.#logs };
    writeFileSync(staged, JSON.stringify(state), { mode: 0o600, flag: 'wx' });
    renameSync(staged, this.#stateFile);
  }
}

function isOfData(glob: string): boolean {
  return dataPrefixes.some((prefix) => glob.startsWith(prefix));
}

function withoutDataPrefix(glob: string): string {
  return glob.slice(dataPrefixes.find((prefix) => glob.startsWith(prefix))!.length);
}

/** No name of a file is also the name of a stream, or of a file of another place. */
function nameOf({ place, path }: FoundIn): string {
  if (place === 'data') return `data:${path}`;
  return path.includes('/') && !path.startsWith('data:') ? path : `./${path}`;
}

function isPlainName(path: string): boolean {
  return path.length <= longestNameLength && !/\p{C}/u.test(path);
}

/** What is written down: a change of size alone is in the index. */
function withoutSize({ parts, end: _, ...log }: FileLog): unknown {
  return { ...log, parts: parts.map(({ sizeBytes, modifiedMs: _, ...part }, index) => (index === parts.length - 1 ? part : { ...part, sizeBytes })) };
}
