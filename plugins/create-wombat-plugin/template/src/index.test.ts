import assert from 'node:assert/strict';
import test from 'node:test';
import { formatTable, providerConformance } from '@wombat/conformance';
import { FakeAcme } from './fake-acme.js';

test('the driver acme keeps the promises of a provider', async (t) => {
  const fake = new FakeAcme();
  t.after(() => fake.close());
  const setThrottling = (value: boolean) => async () => void (fake.isThrottling = value);
  const report = await providerConformance({
    plugin: new URL('./index.js', import.meta.url),
    settings: { url: await fake.listen(), token: fake.token },
    inventory: async () => fake.ids(),
    authFailure: { settings: { token: 'another-token' } },
    throttling: { begin: setThrottling(true), end: setThrottling(false) },
  });
  console.log(formatTable(report));
  assert.deepEqual(report.results.filter(({ state }) => state === 'failed'), []);
});
