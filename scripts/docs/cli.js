// Writes docs/reference/cli.md from the commands of `wo`, which must have been built. `--check` only tells whether it is up to date.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cliReference } from '../../cli/dist/reference.js';

const page = new URL('../../docs/reference/cli.md', import.meta.url);
const fresh = await cliReference();

if (!process.argv.includes('--check')) writeFileSync(page, fresh);
else if (!existsSync(page) || readFileSync(page, 'utf8') !== fresh) {
  console.error('docs/reference/cli.md is not up to date: node scripts/docs/cli.js');
  process.exitCode = 1;
}
