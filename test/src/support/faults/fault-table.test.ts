import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { checkout } from '../checkout.js';
import { faults } from './fault-table.js';

t.test('every fault has a number of its own, and tests that are there, some of them with real processes', async (t) => {
  t.equal(new Set(faults.map(({ id }) => id)).size, faults.length, 'no number twice');
  for (const { id, tests } of faults) {
    for (const file of tests) t.ok(existsSync(join(checkout, file)), `${id}: ${file}`);
    t.ok(tests.some((file) => file.startsWith('test/src/')), `${id}: one of them is between processes`);
  }
});

t.test('every test of a fault stands in the table', async (t) => {
  const named = new Set(faults.flatMap(({ tests }) => tests));
  const files = readdirSync(join(checkout, 'test/src/faults')).filter((name) => name.endsWith('.test.ts'));
  t.strictSame(files.filter((name) => !named.has(`test/src/faults/${name}`)), [], 'of test/src/faults');
});
