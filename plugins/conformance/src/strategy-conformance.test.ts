import t from 'tap';
import { strategyConforms } from './conforms.js';
import type { ConformanceReport } from './run/run-checks.js';
import { strategyChecks } from './strategy-checks/index.js';
import { strategyConformance } from './strategy-conformance.js';
import { referenceStrategyOptions } from './testing/reference-strategy-test.js';

t.setTimeout(600_000);

const isFull = Boolean(process.env['WOMBAT_TEST_FULL']);

/** Broken in every run; the others cost too much for that. */
const always = new Set(['stays-connected']);

function failed({ results }: ConformanceReport): readonly string[] {
  return results.filter(({ state }) => state === 'failed').map(({ name, why }) => `${name}: ${why}`);
}

t.test('a strategy that keeps its promises passes every check, and none is skipped', { skip: isFull ? false : 'in full runs' }, async (t) => {
  const { results, plugin } = await strategyConforms(t, referenceStrategyOptions());
  t.equal(plugin, 'reference');
  t.strictSame(results.map(({ name, state }) => [name, state]), strategyChecks.map(({ name }) => [name, 'passed']));
});

t.test('a strategy that breaks one promise fails that check, and no other', async (t) => {
  for (const { name } of strategyChecks.filter(({ name }) => isFull || always.has(name))) {
    const report = await strategyConformance({ ...referenceStrategyOptions(name), ...(isFull ? {} : { only: [name] }) });
    t.strictSame(failed(report).map((each) => each.split(':')[0]), [name], `broken: ${name}; failed: ${failed(report).join('; ')}`);
  }
});

t.test('a program that is no plugin fails, each check says why, and asking wrongly is refused', { skip: isFull ? false : 'in full runs' }, async (t) => {
  const report = await strategyConformance({ command: ['/bin/false'], slack: 5, only: ['handshake', 'join-twice'] });
  t.strictSame(failed(report), ['handshake', 'join-twice'].map((name) => `${name}: its program exited with code 1 before it had shaken hands`));
  await t.rejects(strategyConformance({ command: ['x'], only: ['round-trip'] }), /there is no check round-trip; there are handshake, /);
});
