// Writes docs/reliability.md: what is promised when things fail, and what the last runs of each fault have shown.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { invariants } from '../../test/dist/support/faults/invariants.js';

/** @param rows fault id -> what was found now; what is known of the others stays, unless their tests are others now */
export function writeReliability(page, faults, rows) {
  const text = existsSync(page) ? readFileSync(page, 'utf8') : '';
  const before = new Map([...text.matchAll(/^\| (F\d+) \|.*$/gm)].map(([line, id]) => [id, line.split(' | ')]));
  const today = new Date().toISOString().slice(0, 10);
  const lines = faults.map((fault) => {
    const row = rows.get(fault.id);
    const [, , , tests, ...found] = before.get(fault.id) ?? [];
    if (row) return lineOf(fault, foundIn(row, today));
    return lineOf(fault, tests === links(fault.tests) ? found : notRun);
  });
  writeFileSync(page, pageOf(lines));
}

const notRun = ['', '', '', '', 'not run |'];

function foundIn({ seeds, violations, skipped, slowest, ms, seed }, today) {
  const drawn = seeds === 0 ? 'none' : `${seeds}, from ${seed}`;
  const missing = skipped === 0 ? '' : `, ${skipped} tests not run`;
  const longest = slowest === undefined ? '' : `${(slowest / 1000).toFixed(1)} s`;
  return [drawn, `${violations}${missing}`, longest, `${(ms / 1000).toFixed(0)} s`, `${today} |`];
}

function lineOf({ id, what, promise, tests }, found) {
  return [`| ${id}`, what, promise, links(tests), ...found].join(' | ');
}

function links(tests) {
  return tests.map((file) => `[${file.split('/').at(-1).replace('.test.ts', '')}](../${file})`).join(', ');
}

function pageOf(lines) {
  const rules = Object.entries(invariants).filter(([id]) => id !== 'time').map(([id, rule]) => `| ${id} | ${rule} |`);
  return `# Reliability

<!-- Written by \`npm run test:faults -- --report\`. -->

What Wombat promises when a part of it fails, and what the last runs of the tests have shown. Faults with seeds are injected into a real coordinator with
real agents: what dies, at which of the [failpoints](reference/failpoints.md) or after how many milliseconds, is drawn by the seed (F29: each of its kills counts). What can be seen of
processes, machines, files, journals and events is written down, and judged by these rules afterwards:

| rule | what must be so |
|---|---|
${rules.join('\n')}

The other faults have single tests; a failed assertion of theirs counts as a violation. *Recovery* is the longest time from the return of what had died to the end of what had been asked for. Times are those of 2 cores.

| fault | what happens | promise | tests | seeds | violations | slowest recovery | took | when |
|---|---|---|---|---|---|---|---|---|
${lines.join('\n')}

The commands, on a machine with nothing else to do:

\`\`\`
npm run test:faults -- --report
npm run test:faults -- --seeds 200 --fault F1,F3 --report
WOMBAT_TEST_FULL=1 npm run test:faults -- --fault F29,F30 --report
\`\`\`

The first runs all of them, with 8 seeds, the last one F30 with 1,000 targets; \`--seed N\` begins with the seed of a line. A run that violates a rule leaves
what it has seen in \`test-results/faults\`. All these tests are part of \`./scripts/test\`, with few seeds.
`;
}
