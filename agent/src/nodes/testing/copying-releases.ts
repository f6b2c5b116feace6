import { cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ReleaseStore, RootRequest } from '../../releases/release-store.js';

/** A release store whose only tree is a directory. */
export class CopyingReleases implements ReleaseStore {
  readonly #tree: string;
  readonly made: string[] = [];
  kept: ReadonlySet<string> | undefined;
  /** Thrown by the next fetches, one after another. */
  readonly failures: Error[] = [];

  constructor(tree: string) {
    this.#tree = tree;
  }

  ensureTree(): Promise<void> {
    const failure = this.failures.shift();
    return failure ? Promise.reject(failure) : Promise.resolve();
  }

  treeDirectory(): string {
    return this.#tree;
  }

  async makeRoot({ rootDirectory, files }: RootRequest): Promise<void> {
    this.made.push(rootDirectory);
    await cp(this.#tree, rootDirectory, { recursive: true, errorOnExist: true, force: false });
    for (const { path, content } of files) {
      await mkdir(dirname(join(rootDirectory, path)), { recursive: true });
      await writeFile(join(rootDirectory, path), content);
    }
  }

  prune(keep: ReadonlySet<string>): Promise<void> {
    this.kept = keep;
    return Promise.resolve();
  }
}
