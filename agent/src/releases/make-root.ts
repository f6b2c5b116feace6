import { chmodSync, closeSync, constants, copyFileSync, fchmodSync, linkSync, lstatSync, mkdirSync, openSync, readdirSync, readlinkSync, symlinkSync, writeSync, type Dirent } from 'node:fs';
import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { entrySegments, WombatError } from '@wombat/proto';
import type { RenderedFile } from '@wombat/proto/agent';

export interface RootPlan {
  readonly treeDirectory: string;
  /** Made here; must not exist. */
  readonly directory: string;
  readonly sharedPaths: readonly string[];
  readonly files: readonly RenderedFile[];
}

/** Files this large are copied off the event loop. */
const largeBytes = 1024 * 1024;
/** After so many calls of the file system others get their turn: about 2 ms. */
const callsPerTurn = 128;

/**
 * Copies a tree, hard-linking what may be shared. Rendered files take the place of the tree's own, which are not even
 * copied: there is never a file that two names share and one of them writes.
 */
export async function copyTree(plan: RootPlan, signal: AbortSignal): Promise<void> {
  await new RootMaker(plan, signal).run();
}

class RootMaker {
  readonly #plan: RootPlan;
  readonly #signal: AbortSignal;
  readonly #rendered = new Map<string, RenderedFile>();
  readonly #shared: readonly string[];
  #calls = 0;

  constructor(plan: RootPlan, signal: AbortSignal) {
    this.#plan = plan;
    this.#signal = signal;
    for (const file of plan.files) this.#rendered.set(cleanPath(file.path), file);
    this.#shared = [...otpShared(plan.treeDirectory), ...plan.sharedPaths.map(cleanPath)];
  }

  async run(): Promise<void> {
    await this.#copyFolder('', false);
    for (const [path, file] of this.#rendered) this.#writeNew(path, file, 0o644);
  }

  async #copyFolder(folder: string, isShared: boolean): Promise<void> {
    const source = join(this.#plan.treeDirectory, folder);
    mkdirSync(join(this.#plan.directory, folder), { mode: 0o755 });
    for (const entry of readdirSync(source, { withFileTypes: true })) {
      if (++this.#calls % callsPerTurn === 0) await setImmediate();
      this.#signal.throwIfAborted();
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      const isEntryShared = isShared || this.#shared.includes(path);
      if (entry.isDirectory()) await this.#copyFolder(path, isEntryShared);
      else await this.#copyEntry(path, entry, isEntryShared);
    }
  }

  async #copyEntry(path: string, entry: Dirent, isShared: boolean): Promise<void> {
    const source = join(this.#plan.treeDirectory, path);
    const target = join(this.#plan.directory, path);
    const rendered = this.#rendered.get(path);
    if (rendered) {
      this.#rendered.delete(path);
      writeFile(target, rendered, entry.isFile() ? lstatSync(source).mode | 0o200 : 0o644);
    } else if (entry.isSymbolicLink()) {
      symlinkSync(readlinkSync(source), target);
    } else if (!isShared || !linked(source, target)) {
      await copied(source, target);
    }
  }

  /** A file that the release does not bring. Every folder on the way must be one, no link. */
  #writeNew(path: string, file: RenderedFile, mode: number): void {
    const segments = path.split('/');
    for (let length = 1; length < segments.length; length += 1) {
      const folder = join(this.#plan.directory, ...segments.slice(0, length));
      const found = lstatSync(folder, { throwIfNoEntry: false });
      if (!found) mkdirSync(folder, { mode: 0o755 });
      else if (!found.isDirectory()) throw new WombatError('WO_TEMPLATE_INVALID', `the rendered file ${path} lies behind ${segments.slice(0, length).join('/')}, which is no folder`);
    }
    const target = join(this.#plan.directory, path);
    if (lstatSync(target, { throwIfNoEntry: false })) throw new WombatError('WO_TEMPLATE_INVALID', `the rendered file ${path} has the name of a folder of the release`);
    writeFile(target, file, mode);
  }
}

/** In an OTP release code and runtime are never written to. */
function otpShared(treeDirectory: string): string[] {
  const names = readdirSync(treeDirectory, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const runtimes = names.filter((name) => /^erts-\d/.test(name));
  const hasLibrary = names.includes('lib');
  if (!names.includes('releases') || !(hasLibrary || runtimes.length > 0)) return [];
  return hasLibrary ? ['lib', ...runtimes] : runtimes;
}

/** False: the file system makes no more links to it, or none at all. */
function linked(source: string, target: string): boolean {
  try {
    linkSync(source, target);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (['EMLINK', 'EXDEV', 'EPERM', 'ENOTSUP'].includes(code)) return false;
    throw error;
  }
}

async function copied(source: string, target: string): Promise<void> {
  const { size, mode } = lstatSync(source);
  const own = (mode & 0o777) | 0o200;
  if (size < largeBytes) {
    copyFileSync(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    chmodSync(target, own);
  } else {
    await copyFile(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    await chmod(target, own);
  }
}

function writeFile(path: string, file: RenderedFile, defaultMode: number): void {
  const handle = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    for (let written = 0; written < file.content.length; ) written += writeSync(handle, file.content, written);
    // What only its owner may read stays a program if it is one.
    fchmodSync(handle, (file.mode === 0 ? defaultMode : file.mode | (defaultMode & 0o100)) & 0o777);
  } finally {
    closeSync(handle);
  }
}

/** A path from the coordinator: as strict as one from an archive. */
function cleanPath(path: string): string {
  const segments = entrySegments(path);
  if (segments.length === 0) throw new WombatError('WO_TEMPLATE_INVALID', 'a rendered file or shared path has no name');
  return segments.join('/');
}
