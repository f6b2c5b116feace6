import { readFileSync } from 'node:fs';
import t from 'tap';
import { failpointNames } from './names.js';
import { parseFailpoints } from './parse-failpoints.js';
import { failpointReference } from './reference.js';

t.test('failpoints are read with their actions and passings', async (t) => {
  const armed = parseFailpoints('coordinator.host.after-create=crash@2; agent.unpack.before=hang:5000;agent.unpack.during=hang;agent.download.during=error:WO_DISK_FULL;');
  t.strictSame([...armed], [
    ['coordinator.host.after-create', { action: { kind: 'crash' }, passing: 2 }],
    ['agent.unpack.before', { action: { kind: 'hang', ms: 5000 }, passing: 1 }],
    ['agent.unpack.during', { action: { kind: 'hang', ms: undefined }, passing: 1 }],
    ['agent.download.during', { action: { kind: 'error', code: 'WO_DISK_FULL' }, passing: 1 }],
  ]);
  t.equal(parseFailpoints('').size, 0);
});

t.test('what is misspelt is refused, with what was meant', async (t) => {
  t.throws(() => parseFailpoints('agent.unpack.befor=crash'), { code: 'WO_CONFIG_INVALID', message: /there is no failpoint agent.unpack.befor/, hint: 'did you mean agent.unpack.before?' });
  const wrong = ['agent.unpack.before', 'agent.unpack.before=stop', 'agent.unpack.before=crash:1', 'agent.unpack.before=hang:soon', 'agent.unpack.before=error:WO_NOTHING', 'agent.unpack.before=crash@0', 'agent.unpack.before=crash@x', 'agent.unpack.before=crash;agent.unpack.before=hang'];
  for (const text of wrong) t.throws(() => parseFailpoints(text), { code: 'WO_CONFIG_INVALID' }, text);
});

t.test('every name says whose it is', async (t) => {
  for (const name of failpointNames) t.match(name, /^(coordinator|agent)\.[a-z-]+\.[a-z-]+$/);
});

t.test('the page of failpoints is up to date', async (t) => {
  const page = readFileSync(new URL('../../../docs/reference/failpoints.md', import.meta.url), 'utf8');
  t.equal(page, failpointReference(), 'run: node scripts/docs/failpoints.js');
});
