import type { StoredObject } from './object.js';

/** Lets one machine enrol once. */
export interface JoinToken extends StoredObject {
  readonly hostId: string;
  /** sha256 of the secret, hex. */
  readonly secretHash: string;
  readonly expiresAt: number;
  readonly usedAt?: number;
  /** sha256 of the public key (SPKI, DER) that used it, hex. */
  readonly usedKey?: string;
  readonly usedFrom?: string;
  readonly revokedAt?: number;
}

/** A certificate issued to a host; its id is the sha256 of the DER, hex. */
export interface HostCertificate extends StoredObject {
  readonly hostId: string;
  readonly notAfter: number;
  readonly revokedAt?: number;
  /** When it was told that it nears its end without having been renewed. */
  readonly warnedAt?: number;
}

/** Bearer token of an operator. */
export interface OperatorToken extends StoredObject {
  readonly secretHash: string;
  readonly permissions: readonly string[];
  /** Who made it; the first one was made by nobody. */
  readonly createdBy?: string;
  /** Undefined: never. */
  readonly expiresAt?: number;
  readonly revokedAt?: number;
}
