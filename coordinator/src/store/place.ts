import type { Store } from './store.js';

/** Where the rows of a coordinator are kept. */
export interface StorePlace {
  /** In a few words, without a secret. */
  readonly description: string;
  /** @throws WombatError WO_STORE_...; WO_IN_USE */
  open(): Promise<Store>;
  /** Answers what is wrong with what is kept there; nothing when all is well. Holds up nobody. */
  check(): Promise<StoreTrouble | undefined>;
  /**
   * Copies what is kept, as it is at this moment, into a new file.
   * @throws WombatError WO_DISK_FULL; WO_BACKUP_ELSEWHERE where it is kept safe by other means
   */
  copy(to: string): Promise<void>;
}

export interface StoreTrouble {
  readonly message: string;
  readonly hint: string;
  readonly code: 'WO_STORE_UNUSABLE' | 'WO_STORE_UNAVAILABLE';
}
