import { fileURLToPath } from 'node:url';
import { conforms } from '@wombat/conformance';
import t from 'tap';

t.setTimeout(120_000);

t.test('the driver local keeps the promises of a provider', async (t) => {
  const program = fileURLToPath(new URL('./program.js', import.meta.url));
  const { plugin } = await conforms(t, { command: [process.execPath, program], settings: { zones: 'a,b' } });
  t.equal(plugin, 'local');
});
