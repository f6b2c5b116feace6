/** What every stored object has. Times are milliseconds since 1970, UTC. */
export interface StoredObject {
  readonly id: string;
  readonly name: string;
  /** Grows with every write: compare and swap. */
  readonly revision: number;
  /** Grows with every change of what is wanted. */
  readonly generation: number;
  /** The generation that the controllers have seen to the end. */
  readonly observedGeneration: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Why and since when something waits. */
export interface Waiting {
  readonly reason: string;
  readonly since: number;
  readonly nextTryAt?: number;
}

/** An error as it is stored: what WombatError carries, without its cause. */
export interface StoredError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export type StoredAttribute = string | number | boolean | readonly string[];
/** Labels and facts as stored; units are the base units of the key's definition. */
export type Attributes = Readonly<Record<string, StoredAttribute>>;
