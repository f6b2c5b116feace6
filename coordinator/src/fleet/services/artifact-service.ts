import { limits, WombatError } from '@wombat/proto';
import { ArtifactServiceService, type FetchArtifactRequest, type FetchArtifactResponse } from '@wombat/proto/agent';
import { implement, type CallContext, type Service } from '../../api/service.js';
import { hostOf } from './host-of.js';

/** Where the tarballs are. */
export interface ArtifactBlobs {
  /** The bytes from `offset` on. @throws WombatError WO_NOT_FOUND */
  open(sha256: string, offset: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

const digest = /^[0-9a-f]{64}$/;

/** ArtifactService of the agents' door. */
export function artifactService(blobs: ArtifactBlobs): Service {
  return implement(ArtifactServiceService, { fetchArtifact: (request, context) => fetchArtifact(blobs, request, context) });
}

async function* fetchArtifact(blobs: ArtifactBlobs, request: FetchArtifactRequest, context: CallContext): AsyncGenerator<FetchArtifactResponse> {
  hostOf(context);
  const { sha256, offset } = request;
  if (!digest.test(sha256)) throw new WombatError('WO_INVALID_ARGUMENT', 'sha256 is 64 lower-case hexadecimal digits');
  if (offset > BigInt(limits.artifactBytes)) throw new WombatError('WO_INVALID_ARGUMENT', `no artifact has an offset ${offset}`);
  // Pulled by whoever writes to the wire, so a slow agent holds one chunk, not the file.
  for await (const bytes of blobs.open(sha256, Number(offset), context.signal)) {
    for (let from = 0; from < bytes.length; from += limits.artifactChunkBytes) {
      context.signal.throwIfAborted();
      yield { data: Buffer.from(bytes.buffer, bytes.byteOffset + from, Math.min(limits.artifactChunkBytes, bytes.length - from)) };
    }
  }
}
