import { WombatError } from '@wombat/proto';
import type { UploadArtifactRequest, UploadHeader } from '@wombat/proto/control';
import type { BlobIdentity } from '../../releases/blob-store.js';

/** Of every upload: a header, then data. */
type UploadMessage = UploadArtifactRequest;

export const sha256Form = /^[0-9a-f]{64}$/;

/** What is announced, and the bytes that follow. @throws WombatError WO_INVALID_ARGUMENT */
export async function readUpload(requests: AsyncIterable<UploadMessage>): Promise<{ readonly expected: BlobIdentity; readonly bytes: AsyncIterable<Uint8Array> }> {
  const messages = requests[Symbol.asyncIterator]();
  const { sha256, sizeBytes } = headerOf((await messages.next()).value as UploadMessage | undefined);
  return { expected: { sha256, sizeBytes: Number(sizeBytes) }, bytes: dataOf(messages) };
}

function headerOf(first: UploadMessage | undefined): UploadHeader {
  if (first?.kind?.$case === 'header' && sha256Form.test(first.kind.value.sha256)) return first.kind.value;
  throw new WombatError('WO_INVALID_ARGUMENT', 'an upload begins with a header that holds the sha256 and the size');
}

async function* dataOf(messages: AsyncIterator<UploadMessage>): AsyncGenerator<Uint8Array> {
  for (let next = await messages.next(); !next.done; next = await messages.next()) {
    if (next.value.kind?.$case !== 'data') throw new WombatError('WO_INVALID_ARGUMENT', 'an upload has one header, then data');
    yield next.value.kind.value;
  }
}
