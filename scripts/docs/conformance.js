// Writes docs/reference/conformance.md from the checks. `--check` only tells whether it is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { checksReference } from '../../plugins/conformance/dist/reference.js';

const page = new URL('../../docs/reference/conformance.md', import.meta.url);
const fresh = checksReference();

if (!process.argv.includes('--check')) writeFileSync(page, fresh);
else if (readFileSync(page, 'utf8') !== fresh) {
  console.error('docs/reference/conformance.md is not up to date: node scripts/docs/conformance.js');
  process.exitCode = 1;
}
