// Runs the compiled tests with tap and ends with one line: "N passed, N failed, N skipped".
// Arguments: names of test files (parts of paths) to run only those; --jobs N.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compiled, readTap, runTap } from './lib/tap.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const results = join(root, 'test-results/results.tap');
const rooms = ['proto', 'plugins', 'agent', 'coordinator', 'cli', 'test'];

/** A test file is compiled; one whose source is gone must not run any more. */
function testFiles(wanted) {
  const sources = rooms.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true })
      .map((name) => join(room, name))
      .filter((name) => name.endsWith('.test.ts') && !name.includes('node_modules/') && !name.includes('/dist/') && !name.includes('fixtures/') && !name.includes('/template/')),
  );
  const files = sources.map(compiled).sort();
  return wanted.length === 0 ? files : files.filter((file) => wanted.some((word) => file.includes(word)));
}

const words = process.argv.slice(2);
const jobsAt = words.indexOf('--jobs');
const jobs = jobsAt === -1 ? '3' : words.splice(jobsAt, 2)[1];
const files = testFiles(words);
if (files.length === 0) throw new Error(`no test file matches ${words.join(' ')}`);
const code = await runTap(files, { jobs, output: results });
const { counts, notRun, failures, tables } = await readTap(results);
for (const line of tables) console.log(line);
for (const text of failures) console.log(text);
for (const line of notRun) console.log(`not run: ${line}`);
if (code !== 0 && counts.failed === 0) counts.failed = 1;
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = code === 0 && counts.failed === 0 ? 0 : 1;
