// Runs compiled tests with tap, and reads what it has written.
import { spawn } from 'node:child_process';
import { createReadStream, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Parser } from 'tap-parser';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The file that is run for a source. */
export function compiled(source) {
  return source.replace('/src/', '/dist/').replace(/[.]ts$/, '.js');
}

/** Answers the exit code; the results are in `output`. */
export async function runTap(files, { jobs, output, environment = {}, quiet = false }) {
  mkdirSync(dirname(output), { recursive: true });
  const argv = ['node_modules/tap/dist/esm/run.mjs', 'run', '--reporter=min', `--output-file=${output}`, `--jobs=${jobs}`, ...files];
  const talk = quiet ? 'ignore' : 'inherit';
  const child = spawn(process.execPath, argv, { cwd: root, stdio: ['ignore', talk, talk], env: { ...process.env, ...environment } });
  return new Promise((resolve, reject) => child.once('error', reject).once('exit', (code) => resolve(code ?? 1)));
}

/** How a comment begins that is shown after a run. */
const shown = '# conformance: ';

/** Counts single assertions; of those not run, tells each with its reason; the conformance of plugins line by line. */
export async function readTap(output) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const notRun = [];
  const failures = [];
  const tables = [];
  const listen = (parser, path = []) => {
    parser.on('child', (child) => listen(child, [...path, child.name]));
    parser.on('comment', (text) => text.startsWith(shown) && tables.push(text.slice(2).trimEnd()));
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
  await new Promise((resolve, reject) => createReadStream(output).on('error', reject).pipe(parser).on('finish', resolve));
  return { counts, notRun, failures, tables };
}

/** One line where, and what was compared. */
function failureOf(path, { name, diag }) {
  const where = diag?.at?.fileName ? ` (${diag.at.fileName}:${diag.at.lineNumber})` : '';
  return `failed: ${[...path, name].join(' > ')}${where}${diag?.diff ? `\n${diag.diff}` : ''}`;
}
