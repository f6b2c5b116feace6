import { readFileSync } from 'node:fs';
import t from 'tap';
import { manifestReference } from './manifest-reference.js';
import { manifestJsonSchema } from './manifest-schema.js';

const reference = new URL('../../../docs/reference/', import.meta.url);
const stale = 'is stale: node scripts/docs/manifest.js';

t.test('the published pages are those of this schema', (t) => {
  const page = readFileSync(new URL('manifest.md', reference), 'utf8');
  t.ok(page.includes(`\n${manifestReference()}`), `docs/reference/manifest.md ${stale}`);
  const schema: unknown = JSON.parse(readFileSync(new URL('wombat.release.schema.json', reference), 'utf8'));
  t.strictSame(schema, JSON.parse(JSON.stringify(manifestJsonSchema())), `docs/reference/wombat.release.schema.json ${stale}`);
  t.end();
});

t.test('every key has a meaning, down to the last', (t) => {
  const rows = manifestReference().trim().split('\n').slice(2);
  t.ok(rows.length > 40, `${rows.length} keys are told`);
  for (const row of rows) t.match(row, /^\| `[\w.[\]]+` \| \S.*\S \|$/, row);
  t.ok(rows.some((row) => row.startsWith('| `ports[].number` ')), 'keys within lists too');
  t.end();
});

t.test('an editor is told what is wrong', (t) => {
  t.match(manifestJsonSchema(), {
    $schema: 'https://json-schema.org/draft/2020-12/schema', required: ['apiVersion'], additionalProperties: false,
    properties: { mode: { enum: ['foreground', 'daemon'] }, ports: { items: { required: ['name'], additionalProperties: false } } },
  });
  t.end();
});
