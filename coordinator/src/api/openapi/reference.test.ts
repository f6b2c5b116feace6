import { readFileSync } from 'node:fs';
import t from 'tap';
import { withMethodTable } from './reference.js';

void t.test('the table of methods is up to date', (test) => {
  const page = readFileSync(new URL('../../../../docs/reference/api.md', import.meta.url), 'utf8');
  test.equal(page, withMethodTable(page), 'run: node scripts/docs/api.js');
  test.throws(() => withMethodTable('no marks'), /no place/, 'a page without its marks');
  test.end();
});
