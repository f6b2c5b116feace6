import type { MethodDefinition } from '@grpc/grpc-js';
import { BinaryWriter } from '@bufbuild/protobuf/wire';

/** Far above all that are taken. */
const futureField = 15_000;

/** The method, with fields in its requests that nobody knows yet. */
export function withFutureFields<Q, S>(method: MethodDefinition<Q, S>): MethodDefinition<Q, S> {
  return { ...method, requestSerialize: (request) => futureBytes(method.requestSerialize(request)) };
}

export function futureBytes(known: Uint8Array): Buffer {
  const unknown = new BinaryWriter().uint32((futureField << 3) | 2).string('of a later version').uint32(((futureField + 1) << 3) | 0).uint32(7).finish();
  return Buffer.concat([known, unknown]);
}
