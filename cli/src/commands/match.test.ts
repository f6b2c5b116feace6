import { TargetKind, type MatchTargetsRequest, type MatchTargetsResponse } from '@wombat/proto/control';
import t, { type Test } from 'tap';
import { FakeCoordinator } from '../testing/fake-coordinator.js';
import { runWo } from '../testing/run-wo.js';

const target = (name: string, phase = 'running') => ({ id: `node-${name}`, name, phase, hostId: 'host-a', hostName: 'cloud-1', familyId: 'fam-a', familyName: 'web' });
const found: MatchTargetsResponse[] = [
  { kind: { $case: 'targets', value: { targets: [target('web-10'), target('web-2', 'stopped')] } } },
  { kind: { $case: 'targets', value: { targets: [target('web-3')] } } },
  { kind: { $case: 'summary', value: { expression: 'family = web', targetCount: 3, skippedCount: 1, families: { web: 3 }, phases: { stopped: 1, running: 2 } } } },
];

async function coordinator(t: Test, answers: readonly MatchTargetsResponse[]): Promise<{ fake: FakeCoordinator; requests: MatchTargetsRequest[] }> {
  const fake = await FakeCoordinator.start();
  t.teardown(() => fake.stop());
  const requests: MatchTargetsRequest[] = [];
  fake.handlers = {
    matchTargets: async function* (request) {
      requests.push(request);
      yield* answers;
    },
  };
  return { fake, requests };
}

t.test('the targets in the order of names on stdout, how many of which on stderr', async (t) => {
  const { fake, requests } = await coordinator(t, found);
  const ran = await runWo(fake, ['match', 'family=web', '--on', 'hosts']);
  t.equal(ran.exit, 0);
  t.match(ran.stdout.split('\n'), [/^NAME +FAMILY +PHASE +HOST +ID$/, /^web-2 +web +stopped +cloud-1 /, /^web-3 /, /^web-10 /, '']);
  t.equal(ran.stderr, '3 targets: web 3; running 2, stopped 1; 1 would be skipped\n');
  t.match(requests, [{ expression: 'family=web', on: TargetKind.HOSTS }]);
});

t.test('the other formats', async (t) => {
  const { fake } = await coordinator(t, found);
  const out = async (...more: string[]): Promise<string> => (await runWo(fake, ['match', 'family = web', ...more])).stdout;
  t.match(JSON.parse(await out('-o', 'json')), { targets: [{ name: 'web-10' }, { name: 'web-2' }, { name: 'web-3' }], summary: { targetCount: 3, phases: { running: 2 } } });
  t.match(await out('-o', 'yaml'), /^targets:\n {2}- id: node-web-10/);
  t.match((await out('-o', 'jsonl')).trim().split('\n').map((line) => JSON.parse(line) as unknown), [{ name: 'web-2' }, { name: 'web-3' }, { name: 'web-10' }]);
  t.equal(await out('-o', 'name'), 'web-2\nweb-3\nweb-10\n');
  t.equal(await out('-q'), 'node-web-2\nnode-web-3\nnode-web-10\n');
});

t.test('nothing matches: nothing on stdout, and it is said', async (t) => {
  const { fake } = await coordinator(t, [{ kind: { $case: 'summary', value: { expression: 'all', targetCount: 0, skippedCount: 0, families: {}, phases: {} } } }]);
  const ran = await runWo(fake, ['match', 'all', '--on', 'hosts']);
  t.same([ran.exit, ran.stdout, ran.stderr], [0, '', 'it holds for no host: a command would be refused\n']);
  t.equal((await runWo(fake, ['match', 'all', '--on', 'moons'])).exit, 2, 'there are no such targets');
});
