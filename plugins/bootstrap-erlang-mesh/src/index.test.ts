import { durationToMs, JoinOrder, WombatError, type Member } from '@wombat/plugin-sdk';
import t from 'tap';
import { readNodeNames } from './erlang-names.js';
import { plugin } from './index.js';

function member(number: number, erlangName = `web-${number}@127.7.7.${number}`): Member {
  return { nodeId: `node-${number}`, name: `web-${number}`, address: `127.7.7.${number}`, erlangName, ports: {} };
}

async function join(self: Member, contacts: readonly Member[], options: Record<string, string> = {}) {
  return await plugin.planJoin({ options, familyName: 'Web', self, contacts });
}

t.test('the seed has nothing to do, the others join at once', async (t) => {
  t.equal(plugin.joinOrder, JoinOrder.PARALLEL_AFTER_SEED);
  t.strictSame(await join(member(1), []), []);
});

t.test('each contact is connected, then all must be seen', async (t) => {
  const steps = await join(member(3), [member(1), member(2)], { deadline: '5' });
  t.strictSame(steps.map(({ name, action, until }) => ({ name, action: action?.kind?.value, until: until?.containsAll })), [
    { name: 'connect', action: { module: 'net_kernel', function: 'connect_node', arguments: "['web-1@127.7.7.1']" }, until: ['true'] },
    { name: 'connect', action: { module: 'net_kernel', function: 'connect_node', arguments: "['web-2@127.7.7.2']" }, until: ['true'] },
    { name: 'mesh', action: { expressions: "lists:all(fun(Name) -> lists:member(Name, nodes()) end, ['web-1@127.7.7.1', 'web-2@127.7.7.2']).", text: undefined }, until: ['true'] },
  ]);
  t.strictSame(steps.map(({ deadline }) => durationToMs(deadline)), [5_000, 5_000, 5_000]);
});

t.test('what is no Erlang node is refused with the way out, the seed too', async (t) => {
  for (const [self, contacts] of [[member(1, ''), []], [member(2), [member(1, '')]]] as const) {
    try {
      await join(self, contacts);
      t.fail('a member without an Erlang name must be refused');
    } catch (error) {
      t.ok(WombatError.is(error) && error.code === 'WO_NODE_JOIN_FAILED');
      t.match(error, { message: 'web-1 is no Erlang node', hint: /--clust none or custom/ });
    }
  }
});

t.test('a name that would end the quotes is refused', async (t) => {
  for (const name of ["x'@h", "a@h'], os:cmd(\"id\"), ['b@h", 'a@b@c', 'a@', '@h', 'a\n@h', 'a\\@h']) {
    await t.rejects(join(member(2), [member(1, name)]), /is no name of an Erlang node/, `${JSON.stringify(name)} must not reach Erlang`);
  }
});

t.test('options', async (t) => {
  t.strictSame(await plugin.validate({}), []);
  t.strictSame((await plugin.validate({ deadline: 'x' })).map(({ field }) => field), ['deadline']);
});

t.test('members are read from any list of atoms', async (t) => {
  const cases: readonly [string, readonly string[]][] = [
    ["['web-1@127.7.7.1','web-2@127.7.7.2']", ['web-1@127.7.7.1', 'web-2@127.7.7.2']],
    ["{ok, ['web-1@127.7.7.1', 'web-2@127.7.7.2']}\n", ['web-1@127.7.7.1', 'web-2@127.7.7.2']],
    ['[a@host,b@host]', ['a@host', 'b@host']],
    ['[a@host]', ['a@host']],
    ["['a@host.example',b@host,\n 'c-1@10.0.0.1']", ['a@host.example', 'b@host', 'c-1@10.0.0.1']],
    ['web-1@127.7.7.1\nweb-2@127.7.7.2\n', ['web-1@127.7.7.1', 'web-2@127.7.7.2']],
    ["['a@h','a@h']", ['a@h']],
    ['[nonode@nohost]', ['nonode@nohost']],
    ['[]', []],
    ['', []],
    ['{error, timeout}', []],
  ];
  for (const [text, names] of cases) t.strictSame(readNodeNames(text), names, `members of ${JSON.stringify(text)}`);
  t.strictSame(await plugin.readMembers({ options: {}, self: member(1), output: new TextEncoder().encode('[a@host]') }), ['a@host']);
});

t.test('leaving needs no steps', async (t) => {
  t.strictSame(await plugin.planLeave({ options: {}, leaving: member(1), survivors: [member(2)] }), { runOnNodeId: '', steps: [] });
});
