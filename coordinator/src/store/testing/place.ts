import type { Clock } from '@wombat/proto';
import type { Test } from 'tap';
import type { Database } from '../kysely/collection.js';
import type { Store } from '../store.js';

/** Where an implementation keeps the rows of one test. */
export interface Place {
  /** Opens the store; closed with the test, if not before. */
  open(clock?: Clock): Promise<Store>;
  /** Past the store, while it is not open. */
  database<T>(work: (database: Database) => Promise<T>): Promise<T>;
  /** What the implementation adds to each migration. */
  readonly finish?: (database: Database) => Promise<void>;
}

export interface Implementation {
  readonly name: string;
  /** An empty one. */
  place(test: Test): Promise<Place>;
}
