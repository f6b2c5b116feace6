import { WombatError } from '../errors/wombat-error.js';
import { limits } from '../limits.js';
import { entrySegments, linkTarget, refusedEntry } from './entry-path.js';
import { isReleaseFolder } from './release-folders.js';

/** An entry as the header says it, nothing believed yet. */
export interface ArchiveEntry {
  /** As the `tar` package names it: "File", "Directory", "SymbolicLink", ... */
  readonly type: string;
  readonly path: string;
  readonly linkPath?: string | undefined;
  /** Undefined: the header holds no number, or a negative one. */
  readonly sizeBytes?: number | undefined;
  readonly mode?: number | undefined;
}

/** An entry that may be written. Its path has no `.`, no `..`, no slash at either end. */
export type JudgedEntry =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string; readonly sizeBytes: number; readonly executable: boolean }
  | { readonly kind: 'symbolicLink'; readonly path: string; readonly target: string }
  | { readonly kind: 'hardLink'; readonly path: string; readonly target: string; readonly sizeBytes: number; readonly executable: boolean };

export interface ArchiveLimits {
  readonly archiveEntries: number;
  readonly expandedBytes: number;
}

export interface ArchiveSummary {
  /** The single folder around everything, which both ends leave away. Empty: there is none. */
  readonly topFolder: string;
  readonly entryCount: number;
  readonly fileCount: number;
  /** What a copy of the tree takes, hard links counted as the files they are. */
  readonly expandedBytes: number;
}

interface Place {
  readonly path: string;
  readonly kind: 'directory' | 'file' | 'link';
  readonly sizeBytes: number;
  readonly executable: boolean;
}

/**
 * Judges the entries of one archive in their order. Knows every place seen so far, so that nothing is written
 * through a link, over another entry, or beside one that differs only in case or in how Unicode spells it.
 * Pure: coordinator and agent come to the same verdict and the same top folder.
 */
export class ArchiveRules {
  readonly #limits: ArchiveLimits;
  /** By folded path: what a file system that ignores case would take for the same. */
  readonly #places = new Map<string, Place>();
  readonly #topNames = new Set<string>();
  /** Links and how many folders above the link's own their targets begin. */
  readonly #climbing: { readonly path: string; readonly climbs: number; readonly depth: number }[] = [];
  #entryCount = 0;
  #fileCount = 0;
  #expandedBytes = 0;
  #knownParent = '';

  constructor(archiveLimits: ArchiveLimits = limits) {
    this.#limits = archiveLimits;
  }

  /**
   * @returns undefined for the root itself ("./")
   * @throws WombatError WO_ARCHIVE_REFUSED that names the entry
   */
  judge(entry: ArchiveEntry): JudgedEntry | undefined {
    const segments = entrySegments(entry.path);
    if (segments.length === 0) {
      if (entry.type === 'Directory') return undefined;
      throw refusedEntry(entry.path, 'it has no name');
    }
    this.#enterParents(entry.path, segments);
    switch (entry.type) {
      case 'Directory':
        return this.#directory(entry, segments);
      case 'File':
      case 'OldFile':
      case 'ContiguousFile':
        return this.#file(entry, segments);
      case 'SymbolicLink':
        return this.#symbolicLink(entry, segments);
      case 'Link':
        return this.#hardLink(entry, segments);
      default:
        throw refusedEntry(entry.path, `it is a ${entry.type}, neither file, directory nor link`);
    }
  }

  /** @throws WombatError when there is no file, or a link leaves the folder that is left away */
  finish(): ArchiveSummary {
    if (this.#fileCount === 0) throw new WombatError('WO_ARCHIVE_INVALID', 'the tarball holds no file');
    const topFolder = this.#topFolder();
    for (const { path, climbs, depth } of topFolder === '' ? [] : this.#climbing) {
      if (climbs >= depth) throw refusedEntry(path, `its target leaves the folder ${topFolder}/`);
    }
    return { topFolder, entryCount: this.#entryCount, fileCount: this.#fileCount, expandedBytes: this.#expandedBytes };
  }

  #topFolder(): string {
    const [only] = this.#topNames;
    if (only === undefined || this.#topNames.size !== 1 || isReleaseFolder(only)) return '';
    return this.#places.get(fold(only))?.kind === 'directory' ? only : '';
  }

  #directory(entry: ArchiveEntry, segments: readonly string[]): JudgedEntry {
    const path = segments.join('/');
    const there = this.#places.get(fold(path));
    // The same directory twice is harmless, and some archivers write it so.
    if (there && (there.kind !== 'directory' || there.path !== path)) throw clash(entry.path, there);
    if (!there) this.#take(path, { kind: 'directory', path, sizeBytes: 0, executable: false });
    return { kind: 'directory', path };
  }

  #file(entry: ArchiveEntry, segments: readonly string[]): JudgedEntry {
    const { sizeBytes } = entry;
    if (sizeBytes === undefined || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw refusedEntry(entry.path, 'its size is no number or a negative one');
    // Without them it would not do what it was built for, and with them it would be run as its owner: the agent's user.
    if (((entry.mode ?? 0) & 0o6000) !== 0) throw refusedEntry(entry.path, 'it is setuid or setgid');
    const path = segments.join('/');
    // Owner and times are dropped; all that is kept of the mode is whether it can be run.
    const executable = ((entry.mode ?? 0) & 0o111) !== 0;
    this.#expand(entry.path, sizeBytes);
    this.#takeNew(entry, { kind: 'file', path, sizeBytes, executable });
    this.#fileCount += 1;
    return { kind: 'file', path, sizeBytes, executable };
  }

  #symbolicLink(entry: ArchiveEntry, segments: readonly string[]): JudgedEntry {
    noContents(entry);
    const { climbs, segments: rest } = linkTarget(entry.path, entry.linkPath ?? '');
    const depth = segments.length - 1;
    if (climbs > depth) throw refusedEntry(entry.path, 'its target leads out of the release');
    const path = segments.join('/');
    this.#takeNew(entry, { kind: 'link', path, sizeBytes: 0, executable: false });
    if (climbs > 0) this.#climbing.push({ path, climbs, depth });
    const target = [...Array<string>(climbs).fill('..'), ...rest].join('/') || '.';
    return { kind: 'symbolicLink', path, target };
  }

  #hardLink(entry: ArchiveEntry, segments: readonly string[]): JudgedEntry {
    noContents(entry);
    const target = entrySegments(entry.linkPath ?? '').join('/');
    const source = this.#places.get(fold(target));
    if (source?.kind !== 'file' || source.path !== target) throw refusedEntry(entry.path, 'it is a hard link to something that is no earlier regular file of the archive');
    const path = segments.join('/');
    const { sizeBytes, executable } = source;
    this.#expand(entry.path, sizeBytes);
    this.#takeNew(entry, { kind: 'file', path, sizeBytes, executable });
    this.#fileCount += 1;
    return { kind: 'hardLink', path, target, sizeBytes, executable };
  }

  /** Folders that no entry announces are made on the way, and count as entries. */
  #enterParents(entryPath: string, segments: readonly string[]): void {
    this.#topNames.add(segments[0]!);
    const parent = segments.slice(0, -1).join('/');
    if (parent === this.#knownParent) return;
    for (let length = 1; length < segments.length; length += 1) {
      const path = segments.slice(0, length).join('/');
      const there = this.#places.get(fold(path));
      if (!there) this.#take(path, { kind: 'directory', path, sizeBytes: 0, executable: false });
      else if (there.kind === 'link') throw refusedEntry(entryPath, `it would be written through the link ${there.path}`);
      else if (there.kind === 'file') throw refusedEntry(entryPath, `it lies below the file ${there.path}`);
      else if (there.path !== path) throw clash(entryPath, there);
    }
    this.#knownParent = parent;
  }

  #takeNew(entry: ArchiveEntry, place: Place): void {
    const there = this.#places.get(fold(place.path));
    if (there) throw clash(entry.path, there);
    this.#take(entry.path, place);
  }

  #take(entryPath: string, place: Place): void {
    this.#entryCount += 1;
    if (this.#entryCount > this.#limits.archiveEntries) throw refusedEntry(entryPath, `the archive has more than ${this.#limits.archiveEntries} entries`);
    this.#places.set(fold(place.path), place);
  }

  #expand(entryPath: string, sizeBytes: number): void {
    this.#expandedBytes += sizeBytes;
    if (this.#expandedBytes > this.#limits.expandedBytes) throw refusedEntry(entryPath, `unpacked the archive is larger than ${this.#limits.expandedBytes} bytes`);
  }
}

/** What file systems that ignore case or normalise Unicode would take for the same name. */
function fold(path: string): string {
  return path.normalize('NFD').toUpperCase().toLowerCase();
}

function clash(entryPath: string, there: Place): WombatError {
  const isSame = entryPath.split('/').filter((segment) => segment !== '' && segment !== '.').join('/') === there.path;
  return refusedEntry(entryPath, isSame ? 'the archive holds it twice' : `its name differs from ${there.path} only in case or Unicode spelling`);
}

function noContents(entry: ArchiveEntry): void {
  if ((entry.sizeBytes ?? 0) !== 0) throw refusedEntry(entry.path, 'it is a link with contents');
}
