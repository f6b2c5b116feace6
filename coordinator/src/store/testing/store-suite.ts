import t from 'tap';
import type { Implementation } from './place.js';
import { eventTests } from './suite/events.js';
import { objectTests } from './suite/objects.js';
import { pageTests } from './suite/pages.js';
import { schemaTests } from './suite/schema.js';
import { transactionTests } from './suite/transactions.js';

/** What every implementation of the store must pass, so that nobody else need know which one there is. */
export function storeSuite(implementation: Implementation): void {
  for (const tests of [objectTests, pageTests, eventTests, transactionTests, schemaTests]) tests(t, implementation);
}
