import { sizeText, WombatError } from '@wombat/proto';
import type { Action } from '@wombat/proto/types';
import type { BlobIdentity, BlobStore } from '../../../releases/blob-store.js';
import type { ReleaseBlobs } from '../../../releases/release-blobs.js';

export interface PushedFilesOptions {
  readonly blobs: BlobStore;
  readonly releaseBlobs: ReleaseBlobs;
  /** The largest file that is taken. */
  readonly maximumBytes: number;
}

/** Files that jobs put on their targets: kept as the tarballs of releases are, until the last of those jobs has ended. */
export class PushedFiles {
  readonly #options: PushedFilesOptions;

  constructor(options: PushedFilesOptions) {
    this.#options = options;
  }

  /** @throws WombatError WO_FILE_TOO_LARGE before any of it is taken, WO_DISK_FULL, WO_ARTIFACT_CORRUPT */
  async upload(bytes: AsyncIterable<Uint8Array>, expected: BlobIdentity, signal: AbortSignal): Promise<{ readonly existed: boolean }> {
    this.#checkSize(expected.sizeBytes);
    return this.#options.releaseBlobs.upload(bytes, expected, signal);
  }

  /** Keeps what a job is about to put on its targets; from then on the job itself does. @throws WombatError WO_NOT_FOUND when it is not there, WO_FILE_TOO_LARGE */
  async keepFor({ kind }: Action): Promise<void> {
    if (kind?.$case !== 'putFile') return;
    const { sha256, sizeBytes } = kind.value;
    this.#checkSize(Number(sizeBytes));
    await this.#options.releaseBlobs.keep(sha256);
    if ((await this.#options.blobs.size(sha256)) === Number(sizeBytes)) return;
    throw new WombatError('WO_NOT_FOUND', 'the file was not uploaded, or is not kept any more', { hint: 'push it again: wo push FILE EXPRESSION:PATH' });
  }

  #checkSize(sizeBytes: number): void {
    const { maximumBytes } = this.#options;
    if (sizeBytes <= maximumBytes) return;
    throw new WombatError('WO_FILE_TOO_LARGE', `the file has ${sizeText(sizeBytes)}; ${sizeText(maximumBytes)} is the most`);
  }
}
