import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { durationFromMs, newId } from '@wombat/proto';
import { NodePhase, type NodeStatus } from '@wombat/proto/agent';
import t, { type Test } from 'tap';
import { findProgram } from '../processes/find-program.js';
import { TestHost, assignment, kill, nodeSpec } from './testing/host.js';

const secret = 'correct-horse-battery';
const erlang = { skip: findProgram('erl', '/', process.env.PATH ?? '') ? (false as const) : 'Erlang is not installed' };
/** Lives for as long as `stay` is there, and ends with what stands in `last-words`. */
const script = `#!/bin/sh
exec erl -noinput -eval '
  W = fun(G) -> case filelib:is_file("stay") of true -> timer:sleep(20), G(G); false -> ok end end, W(W),
  {ok, T} = file:read_file("last-words"), erlang:halt(binary_to_list(T)).'
`;

async function crashed(t: Test, lastWords: string): Promise<{ host: TestHost; nodeId: string; status: NodeStatus; dump: string }> {
  const host = new TestHost({ 'bin/run': script, stay: '', 'last-words': lastWords });
  await host.start();
  t.teardown(() => host.end());
  const nodeId = newId('node');
  const spec = nodeSpec({
    runs: { ready: { kind: { $case: 'aliveFor', value: durationFromMs(400) } } },
    secrets: [{ name: 'PASSWORD', value: Buffer.from(secret), environmentName: 'PASSWORD' }],
    restart: { mode: 0, tries: 5, interval: undefined, delay: durationFromMs(60_000) },
  });
  await host.assign(assignment(nodeId, { spec }));
  await host.reaches(nodeId, NodePhase.READY);
  const base = join(host.agentDirectory, 'nodes', nodeId);
  rmSync(join(base, 'root', 'stay'));
  return { host, nodeId, status: await host.reaches(nodeId, NodePhase.PENDING, ({ lastError }) => lastError !== undefined), dump: join(base, 'home', 'erl_crash.dump') };
}

t.test('a virtual machine of Erlang tells why it ended', erlang, async (t) => {
  const { status, dump, host, nodeId } = await crashed(t, `database gone\nwith ${secret}`);
  t.match(status.lastError, { code: 'WO_NODE_EXITED', message: /ended with exit code 1: database gone with \*+$/, hint: new RegExp(`crash dump is ${dump} on its host$`) });
  t.notMatch(JSON.stringify(status.lastError), secret, 'without its secrets');
  t.match(readFileSync(dump, 'utf8').slice(0, 40), /^=erl_crash_dump/, 'and leaves its dump');
  t.ok(statSync(dump).size <= 16 * 1024 * 1024, 'of a bounded size');

  // It is started again, and ends for another reason without a dump of its own.
  writeFileSync(join(host.agentDirectory, 'nodes', nodeId, 'root', 'stay'), '');
  await host.assign(assignment(nodeId, { generation: 2n, restartGeneration: 1n, spec: nodeSpec({ runs: { start: ['bin/run'] } }) }));
  const second = await host.reaches(nodeId, NodePhase.READY, ({ generation }) => generation === 2n);
  kill(second.pid);
  const killed = await host.reaches(nodeId, NodePhase.PENDING, ({ lastError, generation }) => generation === 2n && lastError !== undefined);
  t.match(killed.lastError?.message, /ended with signal SIGKILL$/, 'an older dump is none of this end');
  t.ok(existsSync(dump), 'which is kept all the same');
});

t.test('a dump that is a link, empty or endless does no harm', async (t) => {
  const host = new TestHost({ 'bin/run': '#!/bin/sh\nsleep 0.3\nln -sf /etc/passwd "$ERL_CRASH_DUMP"\nexit 3\n', 'bin/odd': '#!/bin/sh\nsleep 0.3\nprintf "=erl_crash_dump:0.5\\nnow\\nSlogan: " >"$ERL_CRASH_DUMP"; tr "\\000" x </dev/zero | head -c 20000 >>"$ERL_CRASH_DUMP"\nexit 4\n' });
  await host.start();
  t.teardown(() => host.end());
  const [link, odd] = [newId('node'), newId('node')];
  const restart = { mode: 0, tries: 0, interval: undefined, delay: undefined };
  await host.assign(assignment(link, { spec: nodeSpec({ restart }) }), assignment(odd, { spec: nodeSpec({ restart, runs: { start: ['bin/odd'] } }) }));
  t.match((await host.reaches(link, NodePhase.FAILED)).lastError?.message, /exit code 3; it is not started again/, 'a link is not followed');
  const told = (await host.reaches(odd, NodePhase.FAILED)).lastError?.message ?? '';
  t.match(told, /exit code 4: x{400}; it is not started again/, 'a slogan without end is cut');
});
