import { fileURLToPath } from 'node:url';
import { quickStrategyChecks, ScriptNodes, strategyConforms } from '@wombat/conformance';
import t from 'tap';

t.setTimeout(120_000);

t.test('the strategy custom keeps the promises of a strategy', async (t) => {
  const program = fileURLToPath(new URL('./program.js', import.meta.url));
  const { plugin, results } = await strategyConforms(t, { command: [process.execPath, program], options: { cmd: 'bin/join', leave: 'bin/leave', leaveOn: 'survivor' }, nodes: async () => new ScriptNodes(), ...(process.env['WOMBAT_TEST_FULL'] ? {} : { only: quickStrategyChecks }) });
  t.equal(plugin, 'custom');
  t.strictSame(results.filter(({ state }) => state === 'skipped'), [], 'its commands were run on nodes');
});
