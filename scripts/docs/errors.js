// Writes docs/reference/errors.md from the catalogue. `--check` only tells whether it is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { errorReference } from '../../proto/dist/errors/reference.js';

const page = new URL('../../docs/reference/errors.md', import.meta.url);
const fresh = errorReference();

if (!process.argv.includes('--check')) writeFileSync(page, fresh);
else if (readFileSync(page, 'utf8') !== fresh) {
  console.error('docs/reference/errors.md is not up to date: node scripts/docs/errors.js');
  process.exitCode = 1;
}
