import t from 'tap';
import { matchesPart, matchesPath } from './glob.js';

const cases: readonly [glob: string, path: string, matches: boolean][] = [
  ['log/*.log', 'log/a.log', true],
  ['log/*.log', 'log/deep/a.log', false],
  ['log/**/*.log', 'log/deep/er/a.log', true],
  ['log/**/*.log', 'log/a.log', true],
  ['**', 'a/b/c', true],
  ['**/x', 'x', true],
  ['log/?.log', 'log/ab.log', false],
  ['*.log', 'any/where/a.log', true],
  ['./a.log', 'a.log', true],
  ['../a.log', '../a.log', false],
];
t.test('globs of paths', async (t) => {
  for (const [glob, path, matches] of cases) t.equal(matchesPath(glob, path), matches, `${glob} ${path}`);
});

t.test('no name keeps a glob busy', async (t) => {
  const startedAt = process.hrtime.bigint();
  t.notOk(matchesPart(`${'*a'.repeat(100)}b`, 'a'.repeat(250)));
  t.ok(process.hrtime.bigint() - startedAt < 1_000_000_000n, 'answered within a second');
});
