import t from 'tap';
import { checks } from './checks/index.js';
import { conforms } from './conforms.js';
import { providerConformance } from './provider-conformance.js';
import type { ConformanceReport } from './run/run-checks.js';
import { referenceOptions } from './testing/reference-test.js';

t.setTimeout(600_000);

const isFull = Boolean(process.env['WOMBAT_TEST_FULL']);

/** Broken in every run; the others cost too much for that. */
const always = new Set(['create-interrupted', 'secrets']);

function failed({ results }: ConformanceReport): readonly string[] {
  return results.filter(({ state }) => state === 'failed').map(({ name, why }) => `${name}: ${why}`);
}

t.test('a provider that keeps its promises passes every check, and none is skipped', { skip: isFull ? false : 'in full runs' }, async (t) => {
  const { results, plugin } = await conforms(t, referenceOptions(t));
  t.equal(plugin, 'reference');
  t.strictSame(results.map(({ name, state }) => [name, state]), checks.map(({ name }) => [name, 'passed']));
});

t.test('a provider that breaks one promise fails that check, and no other', async (t) => {
  for (const { name } of checks.filter(({ name }) => isFull || always.has(name))) {
    const report = await providerConformance({ ...referenceOptions(t, name), ...(isFull ? {} : { only: [name] }) });
    t.strictSame(failed(report).map((each) => each.split(':')[0]), [name], `broken: ${name}; failed: ${failed(report).join('; ')}`);
  }
});

t.test('a program that is no plugin fails, each check says why, and asking wrongly is refused', async (t) => {
  const report = await providerConformance({ command: ['/bin/false'], slack: 5, only: ['handshake', 'round-trip'] });
  t.strictSame(failed(report), ['handshake', 'round-trip'].map((name) => `${name}: its program exited with code 1 before it had shaken hands`));
  await t.rejects(providerConformance({ command: ['x'], only: ['no-such-check'] }), /there is no check no-such-check; there are handshake, /);
  t.strictSame(await providerConformance({ command: ['x'], signal: AbortSignal.abort() }), { plugin: '', results: [] }, 'once it is interrupted no check is begun');
  await t.rejects(providerConformance({}), /either a command or a module of a plugin must be given/);
});
