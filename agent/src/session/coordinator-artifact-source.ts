import { fromServiceError, limits, WombatError } from '@wombat/proto';
import type { CoordinatorLink } from './coordinator-link.js';
import type { ArtifactSource } from './handlers.js';

/** Release tarballs from the coordinator, over the connection that the session runs on. */
export class CoordinatorArtifactSource implements ArtifactSource {
  readonly #link: CoordinatorLink;

  constructor(link: CoordinatorLink) {
    this.#link = link;
  }

  async *fetch(sha256: string, offset: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
    signal.throwIfAborted();
    const connection = await this.#link.connected(signal);
    const call = connection.fetchArtifact({ sha256, offset: BigInt(offset) });
    const onAbort = (): void => call.cancel();
    signal.addEventListener('abort', onAbort, { once: true });
    // The iterator hears errors only while it is read; one that comes later must not end the process.
    call.on('error', () => undefined);
    try {
      for await (const { data } of call as AsyncIterable<{ readonly data: Buffer }>) {
        if (data.length > limits.artifactChunkBytes) throw new WombatError('WO_INTERNAL', `the coordinator sent a chunk of ${data.length} bytes`);
        yield data;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw fromServiceError(error);
    } finally {
      signal.removeEventListener('abort', onAbort);
      // Does nothing when it has ended by itself; otherwise the coordinator must stop reading.
      call.cancel();
    }
  }
}
