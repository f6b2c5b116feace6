import type { Reader } from '../../store/store.js';

/** "Sample 0.1.0", by the id of the release; each is read once. */
export class ReleaseTitles {
  readonly #read: Pick<Reader, 'releases'>;
  readonly #known = new Map<string, string>();

  constructor(read: Pick<Reader, 'releases'>) {
    this.#read = read;
  }

  async of(releaseId: string): Promise<string> {
    const known = this.#known.get(releaseId) ?? (await this.#titleOf(releaseId));
    this.#known.set(releaseId, known);
    return known;
  }

  async #titleOf(releaseId: string): Promise<string> {
    if (releaseId === '') return 'no release';
    const release = await this.#read.releases.get(releaseId);
    return release ? `${release.name} ${release.version}` : releaseId;
  }
}
