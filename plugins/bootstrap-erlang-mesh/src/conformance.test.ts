import { fileURLToPath } from 'node:url';
import { hasErlang, quickStrategyChecks, strategyConforms } from '@wombat/conformance';
import t from 'tap';

t.setTimeout(120_000);

t.test('the strategy erlang-mesh keeps the promises of a strategy', async (t) => {
  const program = fileURLToPath(new URL('./program.js', import.meta.url));
  const { plugin, results } = await strategyConforms(t, { command: [process.execPath, program], ...(process.env['WOMBAT_TEST_FULL'] ? {} : { only: quickStrategyChecks }) });
  t.equal(plugin, 'erlang-mesh');
  const skipped = results.filter(({ state }) => state === 'skipped');
  t.strictSame(skipped.map(({ name }) => name), hasErlang() ? [] : ['join-twice', 'join-resumed', 'leave', 'stays-connected'], 'its steps were run on Erlang nodes, where there are some');
});
