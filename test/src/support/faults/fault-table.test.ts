import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { checkout } from '../checkout.js';
import { faults } from './fault-table.js';

t.test('every fault has a number of its own, and tests that are there', async (t) => {
  t.equal(new Set(faults.map(({ id }) => id)).size, faults.length, 'no number twice');
  for (const { id, tests } of faults) for (const file of tests) t.ok(existsSync(join(checkout, file)), `${id}: ${file}`);
});
