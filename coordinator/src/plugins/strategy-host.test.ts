import { command, erlangApply, erlangEval, step, type BootstrapStrategyPlugin, type CallContext, type Member, type Step } from '@wombat/plugin-sdk';
import { WombatError } from '@wombat/proto';
import t from 'tap';
import { StrategyHost } from './strategy-host.js';

const self: Member = { nodeId: 'node-a', name: 'web-1', address: '127.7.7.1', erlangName: '', ports: {} };
const other: Member = { ...self, nodeId: 'node-b', name: 'web-2' };
const context = { signal: new AbortController().signal };
const good = step('join', command(['bin/join']), { deadlineMs: 1_000 });

function host(changed: Partial<Record<keyof BootstrapStrategyPlugin, unknown>>, answerMs = 10_000): StrategyHost {
  return new StrategyHost({
    kind: 'bootstrap-strategy', joinOrder: 1, description: { name: 'odd', kind: 2, version: '1', apiVersions: [], summary: '', settingsSchema: '{}' },
    validate: () => [], planInputs: () => ({}), planJoin: () => [], planCheck: () => [], readMembers: () => [], planLeave: () => ({ runOnNodeId: '', steps: [] }),
    ...changed,
  } as BootstrapStrategyPlugin, { answerMs });
}

const joinWith = (steps: unknown) => host({ planJoin: () => steps }).planJoin({ options: {}, familyName: 'f', self, contacts: [] }, context);

t.test('whole steps pass unchanged', async (t) => {
  const steps = [good, step('mesh', erlangEval('true.'), { deadlineMs: 1, untilContains: ['true'] }), step('c', erlangApply('m', 'f', ''), { deadlineMs: 3_600_000 })];
  t.strictSame(await joinWith(steps), steps);
  t.strictSame(await host({ planCheck: () => [good] }).planCheck({ options: {}, self }, context), [good]);
});

t.test('steps that cannot be run are refused, telling which', async (t) => {
  const bad: Record<string, readonly [unknown, RegExp]> = {
    'no list': ['join', /answered no list/],
    'too many': [Array.from({ length: 65 }, () => good), /at most 64/],
    'nothing': [[good, undefined], /step 2: /],
    'no name': [[{ ...good, name: '' }], /step 1: has no name/],
    'no deadline': [[{ ...good, deadline: undefined }], /step 1: has no deadline/],
    'two hours': [[step('x', command(['x']), { deadlineMs: 7_200_000 })], /more than an hour/],
    'no action': [[{ ...good, action: undefined }], /does nothing/],
    'no program': [[step('x', command([]), { deadlineMs: 1 })], /runs no program/],
    'empty program': [[step('x', command(['']), { deadlineMs: 1 })], /runs no program/],
    'NUL': [[step('x', command(['a', 'b\0c']), { deadlineMs: 1 })], /NUL/],
    'no function': [[step('x', erlangApply('m', '', '[]'), { deadlineMs: 1 })], /calls no function/],
    'no expression': [[step('x', erlangEval('  '), { deadlineMs: 1 })], /evaluates nothing/],
    'huge': [[step('x', command(['x', 'y'.repeat(40_000)]), { deadlineMs: 1 })], /is larger than/],
  };
  for (const [name, [steps, message]] of Object.entries(bad)) {
    await t.rejects(joinWith(steps), { code: 'WO_PLUGIN_INVALID', message }, name);
    await t.rejects(joinWith(steps), { message: /^strategy\(odd\): planJoin failed: / }, `${name} must name the culprit`);
  }
});

t.test('an exception is the fault of the plugin, a refusal that is meant keeps its code', async (t) => {
  const fails = (error: unknown) => host({ validate: () => { throw error; } });
  await t.rejects(fails(new TypeError('x of undefined')).validate({}, context), { code: 'WO_PLUGIN_INVALID', message: 'strategy(odd): validate failed: x of undefined' });
  await t.rejects(fails('text').validate({}, context), { message: 'strategy(odd): validate failed: text' });
  const refusal = new WombatError('WO_NODE_JOIN_FAILED', 'no Erlang node', { hint: 'choose another' });
  await t.rejects(fails(refusal).validate({}, context), { code: 'WO_NODE_JOIN_FAILED', message: 'strategy(odd): no Erlang node', hint: 'choose another' });
});

t.test('inputs and members are what they should be', async (t) => {
  const request = { options: {}, self, contacts: [] };
  t.strictSame(await host({ planInputs: () => ({ seeds: 'a,b' }) }).planInputs(request, context), { seeds: 'a,b' });
  for (const inputs of [{ 'bad name': 'x' }, { a: 1 }, 'x', { a: 'x'.repeat(20_000) }]) {
    await t.rejects(host({ planInputs: () => inputs }).planInputs(request, context), { code: 'WO_PLUGIN_INVALID' });
  }
  const read = (members: unknown) => host({ readMembers: () => members }).readMembers({ options: {}, self, output: new Uint8Array() }, context);
  t.strictSame(await read(['a@h', 'b\u001b[31m@h']), ['a@h', 'b@h'], 'no control characters come from a node');
  for (const members of ['a@h', [1], [''], ['x'.repeat(300)]]) await t.rejects(read(members), { code: 'WO_PLUGIN_INVALID' });
});

t.test('a strategy may answer later, but not never', async (t) => {
  const request = { options: {}, familyName: 'f', self, contacts: [] };
  t.strictSame(await host({ planJoin: async () => [good] }).planJoin(request, context), [good]);
  const seen: AbortSignal[] = [];
  const hanging = host({ planJoin: async (_: unknown, call: CallContext) => { seen.push(call.signal); await new Promise(() => undefined); } }, 20);
  await t.rejects(hanging.planJoin(request, context), { code: 'WO_PLUGIN_UNAVAILABLE', message: 'strategy(odd): planJoin took longer than 20 ms' });
  t.equal(seen[0]?.aborted, true, 'and is told that nobody waits any more');
  const caller = new AbortController();
  const asked = host({ planJoin: () => new Promise(() => undefined) }).planJoin(request, { signal: caller.signal });
  caller.abort(new Error('the node is gone'));
  await t.rejects(asked, { message: 'the node is gone' }, 'the caller need not wait');
});

t.test('one without inputs is not asked for them', async (t) => {
  const plugin = { withoutInputs: true, planInputs: () => { throw new Error('asked'); } };
  t.strictSame(await host(plugin).planInputs({ options: {}, self, contacts: [] }, context), {});
});

t.test('a leave runs on nodes of the family only', async (t) => {
  const leave = (runOnNodeId: string, steps: unknown = [good]) =>
    host({ planLeave: () => ({ runOnNodeId, steps }) }).planLeave({ options: {}, leaving: self, survivors: [other] }, context);
  for (const nodeId of ['', 'node-a', 'node-b']) t.equal((await leave(nodeId)).runOnNodeId, nodeId);
  await t.rejects(leave('node-z'), { code: 'WO_PLUGIN_INVALID', message: /not of the family/ });
  await t.rejects(leave('', 'x'), { code: 'WO_PLUGIN_INVALID' });
  t.strictSame((await leave('')).steps as readonly Step[], [good]);
});
