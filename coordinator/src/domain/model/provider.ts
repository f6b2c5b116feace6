import type { StoredError, StoredObject } from './object.js';

/** A registered account or place that a driver talks to. */
export interface Provider extends StoredObject {
  readonly driver: string;
  /** Without secrets. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Settings that are secret: name -> sealed text. */
  readonly sealedSecrets: Readonly<Record<string, string>>;
  readonly identity: string;
  readonly verifiedAt?: number;
  readonly lastError?: StoredError;
}
