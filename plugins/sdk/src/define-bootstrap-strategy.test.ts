import t from 'tap';
import { WombatError } from '@wombat/proto';
import { command, step } from './build.js';
import { JoinOrder, PluginKind, type Member } from './contract.js';
import { defineBootstrapStrategy } from './define-bootstrap-strategy.js';
import * as z from './z.js';

const self: Member = { nodeId: 'node-a', name: 'riak-1', address: '127.7.7.1', erlangName: '', ports: {} };
const identity = { version: '1', apiVersions: ['bootstrap-strategy.v1'] as const, summary: 's', joinOrder: JoinOrder.SERIAL };

t.test('what is left out does nothing', async (t) => {
  const plugin = defineBootstrapStrategy({ ...identity, name: 'nothing' });
  t.match(plugin.description, { name: 'nothing', kind: PluginKind.BOOTSTRAP_STRATEGY });
  t.strictSame(await plugin.validate({}), []);
  t.strictSame(await plugin.planInputs({ options: {}, self, contacts: [] }), {});
  t.strictSame(await plugin.planJoin({ options: {}, familyName: 'f', self, contacts: [] }), []);
  t.strictSame(await plugin.planCheck({ options: {}, self }), []);
  t.strictSame(await plugin.readMembers({ options: {}, self, output: new Uint8Array() }), []);
  t.strictSame(await plugin.planLeave({ options: {}, leaving: self, survivors: [] }), { runOnNodeId: '', steps: [] });
  t.equal((await plugin.validate({ cmd: 'x' })).length, 1, 'an option that is not known is told');
});

t.test('options are read by their schema', async (t) => {
  const steps = (name: string) => [step(name, command(['x']), { deadlineMs: 1 })];
  const plugin = defineBootstrapStrategy({
    ...identity, name: 'counts', options: z.object({ count: z.number() }),
    planInputs: ({ options }) => ({ count: String(options.count + 1) }),
    planJoin: ({ options }) => steps(`join ${options.count + 1}`),
    planCheck: ({ options }) => steps(`check ${options.count + 1}`),
    readMembers: ({ options }) => [`m${options.count + 1}`],
    planLeave: ({ options, leaving }) => ({ runOnNodeId: leaving.nodeId, steps: steps(`leave ${options.count + 1}`) }),
  });
  const options = { count: '41' };
  t.strictSame(await plugin.planInputs({ options, self, contacts: [] }), { count: '42' });
  t.equal((await plugin.planJoin({ options, familyName: 'f', self, contacts: [] }))[0]?.name, 'join 42');
  t.equal((await plugin.planCheck({ options, self }))[0]?.name, 'check 42');
  t.strictSame(await plugin.readMembers({ options, self, output: new Uint8Array() }), ['m42']);
  t.match(await plugin.planLeave({ options, leaving: self, survivors: [] }), { runOnNodeId: 'node-a', steps: [{ name: 'leave 42' }] });
  try {
    await plugin.planJoin({ options: { count: 'x' }, familyName: 'f', self, contacts: [] });
    t.fail('options that do not fit must be refused');
  } catch (error) {
    t.ok(WombatError.is(error) && error.code === 'WO_SETTINGS_INVALID', 'the code says that the options are wrong');
    t.match(error, { message: /^count: / });
  }
});

t.test('functions may answer later', async (t) => {
  const plugin = defineBootstrapStrategy({ ...identity, name: 'late', planInputs: async ({ self }) => ({ name: self.name }) });
  t.strictSame(await plugin.planInputs({ options: {}, self, contacts: [] }), { name: 'riak-1' });
  t.equal(plugin.withoutInputs, false);
  t.equal(defineBootstrapStrategy({ ...identity, name: 'none' }).withoutInputs, true, 'it need not be asked');
});

t.test('options are no place for secrets', async (t) => {
  t.throws(() => defineBootstrapStrategy({ ...identity, name: 'leaky', options: z.object({ cookie: z.secret() }) }), /options are no place for secrets/);
});
