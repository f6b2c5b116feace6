import { Event, Family, GetFamilyStatusResponse, Host, HostPhase, NodePhase, Plugin, Release } from '@wombat/proto/control';
import { WombatError } from '@wombat/proto';
import t, { type Test } from 'tap';
import { FakeCoordinator, type Handlers } from '../testing/fake-coordinator.js';
import { family, metadata, node, operation, startedAt } from '../testing/objects.js';
import { runWo, startWo } from '../testing/run-wo.js';

async function coordinator(t: Test, handlers: Handlers): Promise<FakeCoordinator> {
  const fake = await FakeCoordinator.start();
  t.teardown(() => fake.stop());
  fake.handlers = handlers;
  return fake;
}

const page = { nextPageToken: '' };

t.test('a list in every format', async (t) => {
  const asked: unknown[] = [];
  const fake = await coordinator(t, { listNodes: (request) => (asked.push(request), { nodes: [node('web-10'), node('web-2', NodePhase.FAILED)], page }) });
  const list = async (...more: string[]): Promise<string> => {
    const ran = await runWo(fake, ['node', 'list', ...more]);
    t.equal(ran.exit, 0, ran.stderr);
    return ran.stdout;
  };
  const lines = (await list('--family', 'web', '--phase', 'running')).split('\n');
  t.match(lines, [/^NAME +FAMILY +PHASE +SINCE +HOST +ADDRESS +ID +WHY$/, /^web-2 +web +failed /, /^web-10 +web +running /, '']);
  t.match(asked[0], { page: { filter: 'family=web,phase=running' }, includeGone: false });
  t.match(await list('-o', 'wide'), /PID/);
  t.same((JSON.parse(await list('-o', 'json')) as { nodes: { metadata: { name: string }; phase: string }[] }).nodes.map(({ metadata: { name }, phase }) => [name, phase]), [['web-2', 'NODE_PHASE_FAILED'], ['web-10', 'NODE_PHASE_RUNNING']]);
  t.match(await list('-o', 'yaml'), /^nodes:\n {2}- metadata:/);
  t.equal((await list('-o', 'jsonl')).trim().split('\n').map((line) => (JSON.parse(line) as { metadata: { name: string } }).metadata.name).join(), 'web-2,web-10');
  t.equal(await list('-o', 'name'), 'web-2\nweb-10\n');
  t.match(await list('-q'), /^node-\w+\nnode-\w+\n$/);
});

t.test('nothing to list: nothing on stdout, what to do on stderr, and still a valid answer for programs', async (t) => {
  const fake = await coordinator(t, { listFamilies: () => ({ families: [], page }) });
  const ran = await runWo(fake, ['family', 'list']);
  t.same([ran.exit, ran.stdout], [0, '']);
  t.match(ran.stderr, 'begin with: wo create-family NAME');
  t.same(JSON.parse((await runWo(fake, ['family', 'list', '-o', 'json'])).stdout), { families: [] });
});

t.test('a node that is tried again tells the error and when', async (t) => {
  const failed = { ...node('web-1', NodePhase.PENDING), lastError: { code: 'WO_NODE_EXITED', message: 'exit 9', hint: '', details: {} } };
  const soon = { reason: 'start again', since: undefined, nextTryAt: new Date(Date.now() + 3_600_000) };
  const fake = await coordinator(t, { listNodes: () => ({ nodes: [{ ...failed, waiting: soon }, { ...node('web-2', NodePhase.PENDING), waiting: { ...soon, nextTryAt: undefined } }], page }) });
  const { stdout } = await runWo(fake, ['node', 'list']);
  t.match(stdout, /WO_NODE_EXITED: exit 9, next try in (59m|1h)\n/);
  t.match(stdout, /waits: start again\n/);
});

t.test('show commands print every field that is set', async (t) => {
  const fake = await coordinator(t, {
    getNode: () => ({ outdated: true, node: { ...node('web-1', NodePhase.FAILED), lastError: { code: 'WO_NODE_EXITED', message: 'exit 3', hint: 'see', details: {} }, logTail: 'a\nb\n' } }),
    getFamily: () => ({ family: Family.fromPartial({ ...family(), spec: { ...family().spec, firewall: [{ protocol: 'tcp', fromPort: 80, toPort: 80 }], environment: { A: '1' } } }) }),
    getHost: () => ({ host: Host.fromPartial({ metadata: metadata('host-aaaaaaaaaaaa', 'local-1'), phase: HostPhase.UP, facts: { cpuCores: 2, cpuModel: 'EPYC', erts: [{ version: '13', otpRelease: '25', path: '/usr/lib/erlang' }] } }) }),
    getRelease: () => ({ release: Release.fromPartial({ metadata: metadata('rel-aaaaaaaaaaaa', 'Riak'), version: '3', manifest: { start: 'bin/riak start', ready: { check: { $case: 'erlangPing', value: true } } } }) }),
    getOperation: () => ({ operation: operation(['web-1']) }),
  });
  const show = async (noun: string): Promise<string> => (await runWo(fake, [noun, 'show', 'x'])).stdout;
  t.match(await show('node'), /revision +\d+ of the family, which says something else now: wo family update \S+\n[^]*last error +WO_NODE_EXITED: exit 3\n[^]*last lines +a\n +b\n/);
  t.match(await show('family'), /firewall +tcp:80\nenvironment +A=1\n/);
  t.match(await show('host'), /phase +up[^]*cores +2 {2}EPYC[^]*erlang +OTP 25/);
  t.match(await show('release'), /start +bin\/riak start\n[^]*ready +the Erlang node answers and its applications are started/);
  t.match(await show('operation'), /kind +deploy\nstate +running\ndone +0\/1[^]*create node web-1 on host-aaaaaaaaaaaa \(spread evenly\)/);
});

t.test('status of one family: what should run, what waits, what failed last', async (t) => {
  const answer = GetFamilyStatusResponse.fromPartial({
    family: family(), phases: { running: 1, failed: 1 }, wantedRunning: 2, nodes: [node('web-1'), node('web-2', NodePhase.FAILED)], activeOperations: [operation(['web-2'])],
    lastFailure: { nodeId: 'node-x', error: { code: 'WO_NODE_EXITED', message: 'exit 3', hint: 'see its log: wo node logs NODE' }, logTail: 'no \x07port\n' },
  });
  const fake = await coordinator(t, { getFamilyStatus: () => answer, listFamilies: () => ({ families: [family()], page }) });
  const { stdout } = await runWo(fake, ['status', 'web']);
  t.match(stdout, /^✗ web {2}1 of 2 running {2}running 1, failed 1\n/);
  t.match(stdout, /deploy op-aaaaaaaaaaaa is going on: 0\/1/);
  t.match(stdout, /last failure WO_NODE_EXITED: exit 3\n {2}\| no \\x07port\n {2}try: see its log: wo node logs node-x/);
  t.notMatch(stdout, /said before/);
  t.match((await runWo(fake, ['status'])).stdout, /^FAMILY.*\nweb +1\/2 +running 1, failed 1 .*deploy +WO_NODE_EXITED\n$/);
});

t.test('events: listed, and followed over a break without a gap', async (t) => {
  const event = (sequence: number): Event => Event.fromPartial({ sequence: BigInt(sequence), time: startedAt, type: 'node.phase', subjectName: 'web-1', reason: 'running', message: 'web-1 is running' });
  const asked: (bigint | undefined)[] = [];
  const fake = await coordinator(t, {
    listEvents: ({ afterSequence, filter }) => ({ events: afterSequence === 0n && filter?.node === 'web-1' ? [event(1)] : [], lastSequence: 1n }),
    getVersion: () => ({ version: '0.1.0', clusterId: 'c', agents: {}, nodeVersion: '20', time: new Date() }),
    followEvents: async function* ({ afterSequence }) {
      asked.push(afterSequence);
      yield { event: event(asked.length + 4) };
      if (asked.length === 1) throw new WombatError('WO_UNAVAILABLE', 'stopping');
      await new Promise(() => {});
    },
  });
  t.equal((await runWo(fake, ['event', 'list', '--node', 'web-1'])).stdout, '2026-01-02T03:04:05.000Z  #1      node.phase            web-1 is running\n');
  const { io, exit } = startWo(fake, ['event', 'follow', '-o', 'jsonl']);
  await io.stdout.until('"6"');
  t.same(asked, [undefined, 5n]);
  io.signals.emit('SIGINT');
  t.equal(await exit, 130);
});

t.test('plugins: list, and the settings of one; a name that is not there has a nearest one', async (t) => {
  const settingsSchema = JSON.stringify({ properties: { region: { type: 'string', description: 'where' }, key: { type: 'string', 'x-secret': true } }, required: ['region'] });
  const fake = await coordinator(t, { listPlugins: () => ({ plugins: [Plugin.fromPartial({ description: { name: 'local', kind: 1, version: '1', summary: 'here', settingsSchema } })] }) });
  t.match((await runWo(fake, ['plugin', 'list'])).stdout, /local +provider +1 +here/);
  t.match((await runWo(fake, ['plugin', 'show', 'local'])).stdout, /settings +region {2}string, required {2}where\n +key {2}string, secret/);
  const wrong = await runWo(fake, ['plugin', 'show', 'locl']);
  t.equal(wrong.exit, 5);
  t.match(wrong.stderr, 'did you mean local?');
});

t.test('version: ours even when nobody answers, a warning when the two are far apart', async (t) => {
  const fake = await coordinator(t, { getVersion: () => ({ version: '0.9.0', clusterId: 'c', agents: { '0.9.0': 3 }, nodeVersion: '20', time: new Date() }) });
  const ran = await runWo(fake, ['version']);
  t.match(ran.stdout, /wo +0\.1\.0[^]*coordinator +0\.9\.0[^]*agents +3 of 0\.9\.0/);
  t.match(ran.stderr, 'more than one minor version apart');
  const alone = await runWo(undefined, ['version']);
  t.equal(alone.exit, 2, 'no coordinator is known');
  t.match(alone.stdout, /^wo +0\.1\.0/);
  t.equal((await runWo(undefined, ['version', '--client'])).exit, 0);
});

t.test('explain needs no coordinator', async (t) => {
  t.match((await runWo(undefined, ['explain', 'node_exited'])).stdout, /^WO_NODE_EXITED\n {2}why: .*\n {2}try: .*\n {2}exit code of wo: 1\n$/);
  const wrong = await runWo(undefined, ['explain', 'WO_NODE_EXITD']);
  t.equal(wrong.exit, 5);
  t.match(wrong.stderr, 'did you mean WO_NODE_EXITED?');
  const { catalogue } = await import('@wombat/proto');
  t.equal((await runWo(undefined, ['explain', '-o', 'name'])).stdout, `${Object.keys(catalogue).join('\n')}\n`);
});

t.test('context use writes the choice, context list marks it', async (t) => {
  const directory = t.testdir({ 'config.toml': 'current = "one"\n[contexts.one]\naddress = "h:1"\n[contexts.two]\naddress = "h:2"\n' });
  const env = { WO_CONFIG_DIR: directory };
  t.equal((await runWo(undefined, ['context', 'use', 'two'], { env })).exit, 0);
  t.match((await runWo(undefined, ['context', 'list'], { env })).stdout, /^ +NAME +ADDRESS\n {3}one +h:1\n\* +two +h:2\n$/);
  const wrong = await runWo(undefined, ['context', 'use', 'twoo'], { env });
  t.equal(wrong.exit, 5);
  t.match(wrong.stderr, 'did you mean two?');
});

t.test('no context, and nothing to connect to: what to do is said', async (t) => {
  const ran = await runWo(undefined, ['node', 'list'], { env: { WO_CONFIG_DIR: t.testdir({}) } });
  t.equal(ran.exit, 2);
  t.match(ran.stderr, /^error WO_NO_CONTEXT: no context is chosen.*\n {2}why: .*\n {2}try: start a coordinator here with `wo dev`/);
});

t.test('status tells of nodes that have what the family said before, and what to type', async (t) => {
  const answer = GetFamilyStatusResponse.fromPartial({ family: family(), phases: { running: 2 }, wantedRunning: 2, nodes: [node('web-1'), node('web-2')], outdatedNodes: 1 });
  const fake = await coordinator(t, { getFamilyStatus: () => answer, listFamilies: () => ({ families: [family()], page }) });
  t.match((await runWo(fake, ['status', 'web'])).stdout, /\n {2}1 node has what the family said before: wo family update web {3}back: wo family update web --rollback {3}which: wo family revisions web\n/);
  t.match((await runWo(fake, ['status'])).stdout, /^FAMILY +RUNNING +NODES +OUTDATED .*\nweb +2\/2 +running 2 +1\n/);
  t.match(JSON.parse((await runWo(fake, ['status', 'web', '-o', 'json'])).stdout), { outdatedNodes: 1 });
});
