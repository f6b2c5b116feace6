// Injects faults and judges what follows; prints a line for each fault.
//   npm run test:faults -- [--seeds N] [--seed FIRST] [--fault F1,F3] [--report]
// --seeds: so many runs of the faults that are drawn by a seed (default 8), from --seed on, else from anywhere.
// --report: the lines go into docs/reliability.md too; those of faults that are not run stay, unless their tests have changed.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { faults } from '../test/dist/support/faults/fault-table.js';
import { compiled, readTap, runTap } from './lib/tap.js';
import { writeReliability } from './lib/reliability.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const results = join(root, 'test-results/faults');
const { values } = parseArgs({ options: { seeds: { type: 'string', default: '8' }, seed: { type: 'string' }, fault: { type: 'string' }, report: { type: 'boolean', default: false } } });
const seed = values.seed ?? String(Math.floor(Math.random() * 1_000_000));
const chosen = faultsNamed(values.fault);
mkdirSync(results, { recursive: true });

function faultsNamed(list) {
  if (list === undefined) return faults;
  const ids = list.split(',').map((id) => id.trim().toUpperCase());
  const unknown = ids.find((id) => !faults.some((fault) => fault.id === id));
  if (unknown !== undefined) throw new Error(`there is no fault ${unknown}; there are ${faults.map(({ id }) => id).join(', ')}`);
  return faults.filter(({ id }) => ids.includes(id));
}

/** What a fault's tests have shown. A test without seeds is one run, and each of its failed assertions a violation. */
async function run({ id, tests }) {
  const files = [];
  for (const test of tests) files.push(await runOnce(test));
  const seeds = files.flatMap((file) => file.seeds).filter(({ fault }) => fault === id);
  const failures = files.flatMap((file) => file.failures);
  const sum = (count) => files.reduce((total, file) => total + count(file), 0);
  const violations = Math.max(seeds.reduce((total, each) => total + each.violations, 0), sum(({ violations: count }) => count));
  return { seeds: seeds.length, violations, skipped: sum(({ skipped }) => skipped), ms: sum(({ ms }) => ms), slowest: slowestOf(seeds), failures };
}

const ran = new Map();

/** Some tests show the promises of several faults. */
async function runOnce(test) {
  if (!ran.has(test)) ran.set(test, await runFile(test));
  return ran.get(test);
}

async function runFile(test) {
  const name = test.replace('.test.ts', '').replaceAll('/', '-');
  const [output, seedFile] = [join(results, `${name}.tap`), join(results, `${name}.seeds.jsonl`)];
  rmSync(seedFile, { force: true });
  const startedAt = Date.now();
  const environment = { WOMBAT_SEED: seed, WOMBAT_FAULT_SEEDS: values.seeds, WOMBAT_FAULT_RESULTS: seedFile };
  const code = await runTap([join(root, compiled(test))], { jobs: '1', output, environment, quiet: true });
  const { counts, failures: all } = await readTap(output);
  const failures = leavesOf(all);
  return { seeds: readLines(seedFile), failures, violations: Math.max(failures.length, code === 0 ? 0 : 1), skipped: counts.skipped, ms: Date.now() - startedAt };
}

/** A test that failed because of one inside it says nothing more. */
function leavesOf(failures) {
  const whereOf = (text) => text.split('\n')[0].replace(/ \([^()]*\)$/, '');
  return failures.filter((text) => !failures.some((other) => other !== text && whereOf(other).startsWith(`${whereOf(text)} > `)));
}

/** The longest that anything with a bound took. */
function slowestOf(seeds) {
  const times = seeds.flatMap(({ times: each }) => each).map(({ ms }) => ms);
  return times.length === 0 ? undefined : Math.max(...times);
}

function readLines(file) {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)) : [];
}

function tell({ id, what }, { seeds, violations, skipped, ms, slowest }) {
  const drawn = seeds > 0 ? `${seeds} seeds` : 'no seeds';
  const bound = slowest === undefined ? '' : `, slowest recovery ${(slowest / 1000).toFixed(1)} s`;
  const missing = skipped === 0 ? '' : `, ${skipped} tests not run`;
  return `${id.padEnd(4)} ${what}: ${violations} violations, ${drawn}, ${(ms / 1000).toFixed(0)} s${bound}${missing}`;
}

console.log(`seed ${seed}`);
const rows = new Map();
for (const fault of chosen) {
  const row = await run(fault);
  rows.set(fault.id, { ...row, seed });
  console.log(tell(fault, row));
  for (const text of row.failures) console.log(text);
}
if (values.report) writeReliability(join(root, 'docs/reliability.md'), faults, rows);
process.exitCode = [...rows.values()].some(({ violations }) => violations > 0) ? 1 : 0;
