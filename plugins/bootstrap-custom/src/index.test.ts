import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { durationToMs, JoinOrder, type Member } from '@wombat/plugin-sdk';
import t from 'tap';
import { plugin } from './index.js';

const self: Member = { nodeId: 'node-c', name: 'riak-3', address: '127.7.7.3', erlangName: 'riak-3@127.7.7.3', ports: {} };
const erlang: Member = { ...self, nodeId: 'node-a', name: 'riak-1', address: '127.7.7.1', erlangName: 'riak-1@127.7.7.1' };
const plain: Member = { ...self, nodeId: 'node-b', name: 'proxy-1', address: '127.7.7.2', erlangName: '' };

async function joinStep(options: Record<string, string>, contacts: readonly Member[] = []) {
  const [step, ...more] = await plugin.planJoin({ options, familyName: 'Riak', self, contacts });
  const kind = step?.action?.kind;
  if (!step || more.length > 0 || kind?.$case !== 'command') throw new Error('the join must be one command');
  return { step, command: kind.value };
}

t.test('one node joins after another', async (t) => {
  t.equal(plugin.joinOrder, JoinOrder.SERIAL);
});

t.test('contacts are arguments and in the environment: Erlang name, else name@address', async (t) => {
  const { step, command } = await joinStep({ cmd: 'bin/bootstrap --verbose' }, [erlang, plain]);
  t.strictSame(command.argv, ['bin/bootstrap', '--verbose', 'riak-1@127.7.7.1', 'proxy-1@127.7.7.2']);
  t.strictSame(command.environment, { WOMBAT_CONTACTS: 'riak-1@127.7.7.1,proxy-1@127.7.7.2' });
  t.strictSame(step.retryExitCodes, [75]);
  t.equal(durationToMs(step.deadline), 60_000, 'the deadline is 60 s unless said otherwise');
});

t.test('the seed runs the command with no contacts', async (t) => {
  const { command } = await joinStep({ cmd: 'bin/bootstrap' });
  t.strictSame(command.argv, ['bin/bootstrap']);
  t.strictSame(command.environment, { WOMBAT_CONTACTS: '' });
});

t.test('the command is split into words, and is a path in the root', async (t) => {
  t.strictSame((await joinStep({ cmd: `bin/join 'two words' "$HOME" ; x` })).command.argv, ['bin/join', 'two words', '$HOME', ';', 'x']);
  t.strictSame((await joinStep({ cmd: 'join' })).command.argv, ['./join'], 'without a slash it would be looked up in PATH');
});

t.test('the deadline is an option', async (t) => {
  t.equal(durationToMs((await joinStep({ cmd: 'bin/join', deadline: '90' })).step.deadline), 90_000);
});

t.test('leave runs on the node itself, or on a survivor', async (t) => {
  const leave = async (options: Record<string, string>, survivors: readonly Member[] = [erlang, plain]) => {
    const { runOnNodeId, steps } = await plugin.planLeave({ options: { cmd: 'bin/join', ...options }, leaving: self, survivors });
    const kind = steps[0]?.action?.kind;
    return { runOnNodeId, deadlineMs: durationToMs(steps[0]?.deadline), ...(kind?.$case === 'command' ? kind.value : {}) };
  };
  t.strictSame((await plugin.planLeave({ options: { cmd: 'bin/join' }, leaving: self, survivors: [erlang] })).steps, [], 'nothing unless it is said');
  t.match(await leave({ leave: 'bin/leave now', deadline: '90' }), {
    runOnNodeId: '', deadlineMs: 90_000, argv: ['bin/leave', 'now', 'riak-1@127.7.7.1', 'proxy-1@127.7.7.2'],
    environment: { WOMBAT_CONTACTS: 'riak-1@127.7.7.1,proxy-1@127.7.7.2', WOMBAT_LEAVING: 'riak-3@127.7.7.3' },
  });
  const many = Array.from({ length: 2_000 }, (_, index) => ({ ...plain, nodeId: `node-${index}` }));
  t.equal((await leave({ leave: 'bin/leave' }, many)).argv?.length, 51, 'a large family is not named whole');
  t.match(await leave({ leave: 'bin/leave', leaveOn: 'survivor' }), { runOnNodeId: erlang.nodeId, argv: ['bin/leave', 'riak-3@127.7.7.3'] });
  t.strictSame((await plugin.planLeave({ options: { cmd: 'bin/join', leave: 'bin/leave', leaveOn: 'survivor' }, leaving: self, survivors: [] })).steps, [], 'the last has nobody to tell');
  t.strictSame((await plugin.validate({ cmd: 'bin/join', leave: '/bin/leave' })).map(({ field }) => field), ['leave']);
});

t.test('options that cannot work are told by name', async (t) => {
  const cases: readonly [Record<string, string>, string, RegExp][] = [
    [{}, 'cmd', /is required/],
    [{ cmd: '' }, 'cmd', /is empty/],
    [{ cmd: "bin/join 'x" }, 'cmd', /open quote/],
    [{ cmd: '/usr/bin/join' }, 'cmd', /path in the node's root/],
    [{ cmd: 'bin/../../join' }, 'cmd', /outside/],
    [{ cmd: 'bin/jo\0in' }, 'cmd', /NUL/],
    [{ cmd: 'bin/join', deadline: 'soon' }, 'deadline', /expected number/],
    [{ cmd: 'bin/join', deadline: '0' }, 'deadline', /Too small/],
    [{ cmd: 'bin/join', dedline: '5' }, 'dedline', /did you mean deadline/],
  ];
  for (const [options, field, message] of cases) {
    const notes = await plugin.validate(options);
    t.strictSame(notes.map((note) => note.field), [field], `options ${JSON.stringify(options)}`);
    t.match(notes[0]?.message, message);
  }
  t.strictSame(await plugin.validate({ cmd: 'bin/bootstrap' }), []);
});

t.test('a real script gets what the contract says', async (t) => {
  const root = t.testdir({});
  mkdirSync(join(root, 'bin'));
  writeFileSync(join(root, 'bin', 'bootstrap'), '#!/bin/sh\necho "$# $1 $2 [$WOMBAT_CONTACTS]"\n');
  chmodSync(join(root, 'bin', 'bootstrap'), 0o755);
  const { command } = await joinStep({ cmd: 'bin/bootstrap' }, [erlang, plain]);
  const output = execFileSync(command.argv[0]!, command.argv.slice(1), { cwd: root, env: { ...process.env, ...command.environment }, encoding: 'utf8' });
  t.equal(output.trim(), '2 riak-1@127.7.7.1 proxy-1@127.7.7.2 [riak-1@127.7.7.1,proxy-1@127.7.7.2]');
});
