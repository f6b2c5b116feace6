import type { StoredError, StoredObject } from './object.js';

/**
 * What the sweeps of a provider have found and what does not belong together: an orphan is a machine of this cluster
 * without a host that is, a ghost is a host whose machine is not. `createdAt` is when it was first seen.
 */
export interface Stray extends StoredObject {
  readonly kind: 'orphan' | 'ghost';
  readonly providerId: string;
  readonly machineId: string;
  readonly key: string;
  /** Of an orphan: the host that it was made for, where it is known. */
  readonly hostId: string;
  readonly reason: string;
  /** Its host is there and has another machine: nobody can say which of the two is used, so only an operator removes it. */
  readonly isTwin?: boolean;
  readonly removal?: { readonly by: string; readonly askedAt: number };
  readonly lastError?: StoredError;
}
