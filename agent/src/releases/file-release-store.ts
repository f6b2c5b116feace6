import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { limits, WombatError } from '@wombat/proto';
import type { ArtifactRef } from '@wombat/proto/agent';
import { failpoint } from '@wombat/proto/failpoints';
import type { ArtifactSource } from '../session/handlers.js';
import { asDiskFull, checkSpace } from './disk-full.js';
import { download } from './download.js';
import { copyTree } from './make-root.js';
import type { ReleaseStore, RootRequest } from './release-store.js';
import { removeTree } from './remove-tree.js';
import { SharedWork } from './shared-work.js';
import { protectFolders, syncPath } from './sync-tree.js';
import { unpackedBytes } from './unpacked-size.js';
import type { Unpacker } from './unpacker.js';

export interface FileReleaseStoreOptions {
  /** The store's own. Roots must lie on the same file system. */
  readonly directory: string;
  readonly source: ArtifactSource;
  readonly unpacker: Unpacker;
}

/**
 * `trees/<sha256>` complete and read-only, `partial/<sha256>` tarballs on their way, `staging/<random>` what is being
 * made; the last is emptied when the store is first used, and everything in `trees` and every root came by a rename.
 */
export class FileReleaseStore implements ReleaseStore {
  readonly #options: FileReleaseStoreOptions;
  readonly #fetches = new SharedWork<void>();
  readonly #staged = new Set<string>();
  /** How many roots are being made from a tree. */
  readonly #readers = new Map<string, number>();
  #prepared: Promise<void> | undefined;

  constructor(options: FileReleaseStoreOptions) {
    this.#options = options;
  }

  async ensureTree(artifact: ArtifactRef, signal: AbortSignal): Promise<void> {
    const { sha256 } = artifact;
    if (await exists(this.#tree(sha256))) return;
    await this.#prepare();
    await this.#fetches.run(sha256, (shared) => this.#fetch(artifact, shared), signal);
  }

  treeDirectory({ sha256 }: ArtifactRef): string {
    return this.#tree(sha256);
  }

  async makeRoot(request: RootRequest, signal: AbortSignal): Promise<void> {
    const { artifact, rootDirectory, files } = request;
    const treeDirectory = this.#tree(artifact.sha256);
    await this.#prepare();
    this.#readers.set(artifact.sha256, (this.#readers.get(artifact.sha256) ?? 0) + 1);
    try {
      if (!(await exists(treeDirectory))) throw new WombatError('WO_NOT_FOUND', `the release ${artifact.sha256} is not on this host`);
      await this.#inStaging(Number(artifact.sizeBytes), async (directory) => {
        await copyTree({ treeDirectory, directory, sharedPaths: artifact.sharedPaths, files }, signal);
        if (await exists(rootDirectory)) throw new WombatError('WO_CONFLICT', `the root ${rootDirectory} is there already`);
        await failpoint('agent.root.before-rename');
        await rename(directory, rootDirectory);
        await failpoint('agent.root.after-rename');
      });
    } finally {
      this.#readers.set(artifact.sha256, this.#readers.get(artifact.sha256)! - 1);
    }
  }

  async prune(keep: ReadonlySet<string>): Promise<void> {
    await this.#prepare();
    for (const name of await readdir(this.#folder('trees'))) {
      if (keep.has(name) || (this.#readers.get(name) ?? 0) > 0 || this.#fetches.isRunning(name)) continue;
      await this.#discard(join(this.#folder('trees'), name));
    }
    for (const name of await readdir(this.#folder('partial'))) {
      if (!keep.has(name) && !this.#fetches.isRunning(name)) await rm(join(this.#folder('partial'), name), { force: true });
    }
    for (const name of await readdir(this.#folder('staging'))) {
      if (!this.#staged.has(name)) await removeTree(join(this.#folder('staging'), name));
    }
  }

  async #fetch(artifact: ArtifactRef, signal: AbortSignal): Promise<void> {
    const { sha256 } = artifact;
    const tree = this.#tree(sha256);
    // It may have come while this call was on its way here.
    if (await exists(tree)) return;
    const sizeBytes = Number(artifact.sizeBytes);
    if (!(sizeBytes > 0 && sizeBytes <= limits.artifactBytes)) throw new WombatError('WO_ARTIFACT_TOO_LARGE', `the release is said to have ${artifact.sizeBytes} bytes`);
    const partialPath = join(this.#folder('partial'), sha256);
    await download({ source: this.#options.source, sha256, sizeBytes, partialPath }, signal);
    await failpoint('agent.unpack.before');
    await checkSpace(this.#options.directory, await unpackedBytes(partialPath, sizeBytes), sizeBytes);
    await this.#inStaging(sizeBytes, async (directory) => {
      await mkdir(directory, { mode: 0o755 });
      const { topFolder } = await this.#options.unpacker.unpack({ archivePath: partialPath, sizeBytes, directory }, signal);
      await this.#activate(join(directory, topFolder), tree);
    });
    await rm(partialPath, { force: true });
  }

  async #activate(unpacked: string, tree: string): Promise<void> {
    for (const entry of await readdir(unpacked, { withFileTypes: true })) {
      if (entry.isDirectory()) await protectFolders(join(unpacked, entry.name));
    }
    await failpoint('agent.tree.before-rename');
    await rename(unpacked, tree);
    await chmod(tree, 0o555);
    await syncPath(dirname(tree));
    await failpoint('agent.tree.after-rename');
  }

  /** Work on a new name in staging, of which nothing is left afterwards. */
  async #inStaging(neededBytes: number, work: (directory: string) => Promise<void>): Promise<void> {
    const name = randomBytes(12).toString('hex');
    const directory = join(this.#folder('staging'), name);
    this.#staged.add(name);
    try {
      await work(directory);
    } catch (error) {
      throw await asDiskFull(error, this.#options.directory, neededBytes);
    } finally {
      await removeTree(directory);
      this.#staged.delete(name);
    }
  }

  /** Out of `trees` at once, so that no half-removed tree is ever found there. */
  async #discard(path: string): Promise<void> {
    await this.#inStaging(0, async (directory) => {
      await chmod(path, 0o755);
      await rename(path, directory);
    });
  }

  #tree(sha256: string): string {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new WombatError('WO_INVALID_ARGUMENT', 'an artifact is named by 64 lower-case hex digits');
    return join(this.#folder('trees'), sha256);
  }

  #folder(name: 'trees' | 'partial' | 'staging'): string {
    return join(this.#options.directory, name);
  }

  #prepare(): Promise<void> {
    this.#prepared ??= this.#makeFolders().catch((error: unknown) => {
      this.#prepared = undefined;
      throw error;
    });
    return this.#prepared;
  }

  async #makeFolders(): Promise<void> {
    await removeTree(this.#folder('staging'));
    for (const name of ['trees', 'partial', 'staging'] as const) await mkdir(this.#folder(name), { recursive: true, mode: 0o755 });
    // Users of other nodes see what their own root has of it.
    await chmod(this.#options.directory, 0o700);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
