import type { Store } from '../store/store.js';
import type { BlobStore } from './blob-store.js';

/** Sees to it that no blob stays that no release is made of: a refused upload leaves nothing behind. */
export class BlobUsers {
  /** How many calls are about to make a release of it, or to remove one. */
  readonly #holders = new Map<string, number>();

  constructor(
    private readonly store: Store,
    private readonly blobs: BlobStore,
  ) {}

  /** Does the work; afterwards those of the blobs go that no release has and no other call works with. */
  async during<T>(digests: readonly string[], work: () => Promise<T>): Promise<T> {
    const held = new Set(digests.filter((digest) => /^[0-9a-f]{64}$/.test(digest)));
    for (const digest of held) this.#holders.set(digest, (this.#holders.get(digest) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const free = [...held].filter((digest) => this.#letGo(digest));
      const used = free.length === 0 ? new Set<string>() : await this.#used();
      for (const digest of free) if (!used.has(digest) && !this.#holders.has(digest)) await this.blobs.delete(digest);
    }
  }

  #letGo(digest: string): boolean {
    const left = (this.#holders.get(digest) ?? 1) - 1;
    if (left > 0) this.#holders.set(digest, left);
    else this.#holders.delete(digest);
    return left === 0;
  }

  async #used(): Promise<Set<string>> {
    return new Set((await this.store.read.releases.find({})).flatMap(({ artifacts }) => artifacts.map(({ sha256 }) => sha256)));
  }
}
