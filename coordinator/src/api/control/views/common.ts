import type { Metadata, Waiting } from '@wombat/proto/control';
import type { ErrorDetail } from '@wombat/proto/types';
import type { StoredError, StoredObject, Waiting as StoredWaiting } from '../../../domain/model/object.js';

export function metadataView(object: StoredObject): Metadata {
  return {
    id: object.id,
    name: object.name,
    revision: BigInt(object.revision),
    generation: BigInt(object.generation),
    observedGeneration: BigInt(object.observedGeneration),
    createdAt: new Date(object.createdAt),
    updatedAt: new Date(object.updatedAt),
  };
}

export function errorView(error: StoredError | undefined): ErrorDetail | undefined {
  return error && { ...error, details: {} };
}

export function waitingView(waiting: StoredWaiting | undefined): Waiting | undefined {
  return waiting && { reason: waiting.reason, since: new Date(waiting.since), nextTryAt: dateOf(waiting.nextTryAt) };
}

export function dateOf(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms);
}

/** A stored word ("remove_host") as the number of an enum whose names are the same words in capitals. */
export function enumOf<E extends number>(numbers: Readonly<Record<string, string | E>>, word: string): E {
  return (numbers[word.toUpperCase()] ?? 0) as E;
}
