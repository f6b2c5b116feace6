import { readFileSync } from 'node:fs';
import t from 'tap';
import { catalogue } from './catalogue.js';
import { errorReference } from './reference.js';

t.test('the page of errors is up to date', async (t) => {
  const page = readFileSync(new URL('../../../docs/reference/errors.md', import.meta.url), 'utf8');
  t.equal(page, errorReference(), 'run: node scripts/docs/errors.js');
});

t.test('every code says what it means and what to do', async (t) => {
  for (const [code, entry] of Object.entries(catalogue)) {
    t.match(code, /^WO_[A-Z_]+$/);
    t.ok(entry.meaning.endsWith('.'), `${code}: the meaning is a sentence`);
    t.ok(entry.hint.length > 5, `${code} has a hint`);
  }
});
