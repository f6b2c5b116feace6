import type { Clock } from '@wombat/proto';
import { pushedFile } from '../domain/jobs/pushed-file.js';
import type { Store } from '../store/store.js';
import type { BlobIdentity, BlobStore } from './blob-store.js';

export interface ReleaseBlobsOptions {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly clock: Clock;
}

/** Something that will need a blob which no release and no job names yet. */
interface Hold {
  readonly sha256: string;
  readonly until: number;
}

export interface Claim {
  /** Ends the claim, and the upload that it came from: what no release names now is deleted. */
  release(): Promise<void>;
}

/** Between an upload and the release or the job that is made of it. */
const uploadHoldMs = 60 * 60_000;

/**
 * Keeps a blob for as long as a release or a running job names it, or somebody is about to make one of it. Whoever needs a blob holds it
 * first and then looks for it; whoever deletes one looks for holds last: so neither an upload nor a creation ever
 * finds that what it was told to be there has gone.
 */
export class ReleaseBlobs {
  readonly #options: ReleaseBlobsOptions;
  readonly #holds = new Set<Hold>();
  readonly #dropping = new Map<string, Promise<void>>();
  #sweptAt = -Infinity;

  constructor(options: ReleaseBlobsOptions) {
    this.#options = options;
  }

  /** Stores what is not there yet, and keeps it until a claim on it has ended, an hour at most. */
  async upload(source: AsyncIterable<Uint8Array>, expected: BlobIdentity, signal: AbortSignal): Promise<{ readonly existed: boolean }> {
    await this.#sweep();
    const hold = await this.#hold(expected.sha256, this.#options.clock.now() + uploadHoldMs);
    try {
      return await this.#options.blobs.put(source, expected, signal);
    } catch (error) {
      this.#holds.delete(hold);
      throw error;
    }
  }

  /** What is there stays for an hour more. */
  async keep(sha256: string): Promise<void> {
    await this.#hold(sha256, this.#options.clock.now() + uploadHoldMs);
  }

  /** Nothing of these is deleted before the claim is released. */
  async claim(sha256s: readonly string[]): Promise<Claim> {
    const holds = await Promise.all(sha256s.map((sha256) => this.#hold(sha256, Infinity)));
    return {
      release: async () => {
        for (const hold of holds) {
          this.#holds.delete(hold);
          this.#endOneUpload(hold.sha256);
        }
        await this.dropUnused(sha256s);
      },
    };
  }

  /** Deletes those that nothing names and nobody holds. */
  async dropUnused(sha256s: readonly string[]): Promise<void> {
    await Promise.all([...new Set(sha256s)].map((sha256) => this.#drop(sha256)));
  }

  async #hold(sha256: string, until: number): Promise<Hold> {
    const hold = { sha256, until };
    this.#holds.add(hold);
    await this.#dropping.get(sha256);
    return hold;
  }

  #endOneUpload(sha256: string): void {
    for (const hold of this.#holds) {
      if (hold.sha256 !== sha256 || hold.until === Infinity) continue;
      this.#holds.delete(hold);
      return;
    }
  }

  /** One after another for each blob. */
  async #drop(sha256: string): Promise<void> {
    const before = this.#dropping.get(sha256) ?? Promise.resolve();
    const drop = before.then(() => this.#dropNow(sha256));
    const settled = drop.catch(() => undefined);
    this.#dropping.set(sha256, settled);
    try {
      await drop;
    } finally {
      if (this.#dropping.get(sha256) === settled) this.#dropping.delete(sha256);
    }
  }

  async #dropNow(sha256: string): Promise<void> {
    if (this.#isHeld(sha256)) return;
    const { read } = this.#options.store;
    const [releases, jobs] = [await read.releases.find({}), await read.jobs.find({ state: 'running' })];
    const isNamed = releases.some(({ artifacts }) => artifacts.some((artifact) => artifact.sha256 === sha256)) || jobs.some((job) => pushedFile(job) === sha256);
    // Somebody may have come while these were read.
    if (!isNamed && !this.#isHeld(sha256)) await this.#options.blobs.delete(sha256);
  }

  #isHeld(sha256: string): boolean {
    const now = this.#options.clock.now();
    return [...this.#holds].some((hold) => hold.sha256 === sha256 && hold.until > now);
  }

  /** What uploads without a release have left, and jobs that have ended, also those of earlier runs; before an upload, for that is what needs the room. */
  async #sweep(): Promise<void> {
    const { blobs, clock } = this.#options;
    const now = clock.now();
    if (now - this.#sweptAt < uploadHoldMs) return;
    this.#sweptAt = now;
    for (const hold of this.#holds) if (hold.until <= now) this.#holds.delete(hold);
    await this.dropUnused(await blobs.storedBefore(now - uploadHoldMs));
  }
}
