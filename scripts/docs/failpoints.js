// Writes docs/reference/failpoints.md from the list of failpoints. `--check` only tells whether it is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { failpointReference } from '../../proto/dist/failpoints/reference.js';

const page = new URL('../../docs/reference/failpoints.md', import.meta.url);
const fresh = failpointReference();

if (!process.argv.includes('--check')) writeFileSync(page, fresh);
else if (readFileSync(page, 'utf8') !== fresh) {
  console.error('docs/reference/failpoints.md is not up to date: node scripts/docs/failpoints.js');
  process.exitCode = 1;
}
