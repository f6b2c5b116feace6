import { fileURLToPath } from 'node:url';
import { quickStrategyChecks, strategyConforms } from '@wombat/conformance';
import t from 'tap';

t.setTimeout(120_000);

t.test('the strategy none keeps the promises of a strategy', async (t) => {
  const program = fileURLToPath(new URL('./program.js', import.meta.url));
  const { plugin } = await strategyConforms(t, { command: [process.execPath, program], ...(process.env['WOMBAT_TEST_FULL'] ? {} : { only: quickStrategyChecks }) });
  t.equal(plugin, 'none');
});
