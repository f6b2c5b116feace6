// Runs the compiled tests with tap and ends with one line: "N passed, N failed, N skipped".
// Arguments: names of test files (parts of paths) to run only those; --jobs N.
import { spawn } from 'node:child_process';
import { createReadStream, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Parser } from 'tap-parser';

const root = fileURLToPath(new URL('..', import.meta.url));
const results = join(root, 'test-results/results.tap');
const rooms = ['proto', 'plugins', 'agent', 'coordinator', 'cli', 'test'];

/** A test file is compiled; one whose source is gone must not run any more. */
function testFiles(wanted) {
  const sources = rooms.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true })
      .map((name) => join(room, name))
      .filter((name) => name.endsWith('.test.ts') && !name.includes('node_modules/') && !name.includes('/dist/') && !name.includes('fixtures/')),
  );
  const files = sources.map((name) => name.replace('/src/', '/dist/').replace(/[.]ts$/, '.js')).sort();
  return wanted.length === 0 ? files : files.filter((file) => wanted.some((word) => file.includes(word)));
}

async function runTap(files, jobs) {
  mkdirSync(join(root, 'test-results'), { recursive: true });
  const argv = ['node_modules/tap/dist/esm/run.mjs', 'run', '--reporter=min', `--output-file=${results}`, `--jobs=${jobs}`, ...files];
  const child = spawn(process.execPath, argv, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  return new Promise((resolve, reject) => child.once('error', reject).once('exit', (code) => resolve(code ?? 1)));
}

/** Counts single assertions; of those not run, tells each with its reason. */
async function count() {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const notRun = [];
  const failures = [];
  const listen = (parser, path = []) => {
    parser.on('child', (child) => listen(child, [...path, child.name]));
    parser.on('assert', (result) => {
      if (!result.ok && !result.skip && !result.todo) failures.push(failureOf(path, result));
      if (result.skip || result.todo) {
        counts.skipped += 1;
        notRun.push(`${result.fullname ? `${result.fullname}: ` : ''}${result.name}: ${result.skip || result.todo}`);
      } else if (!result.ok) counts.failed += 1;
      else counts.passed += 1;
    });
  };
  const parser = new Parser();
  listen(parser);
  await new Promise((resolve, reject) => createReadStream(results).on('error', reject).pipe(parser).on('finish', resolve));
  return { counts, notRun, failures };
}

/** One line where, and what was compared. */
function failureOf(path, { name, diag }) {
  const where = diag?.at?.fileName ? ` (${diag.at.fileName}:${diag.at.lineNumber})` : '';
  return `failed: ${[...path, name].join(' > ')}${where}${diag?.diff ? `\n${diag.diff}` : ''}`;
}

const words = process.argv.slice(2);
const jobsAt = words.indexOf('--jobs');
const jobs = jobsAt === -1 ? '2' : words.splice(jobsAt, 2)[1];
const files = testFiles(words);
if (files.length === 0) throw new Error(`no test file matches ${words.join(' ')}`);
const code = await runTap(files, jobs);
const { counts, notRun, failures } = await count();
for (const text of failures) console.log(text);
for (const line of notRun) console.log(`not run: ${line}`);
if (code !== 0 && counts.failed === 0) counts.failed = 1;
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = code === 0 && counts.failed === 0 ? 0 : 1;
