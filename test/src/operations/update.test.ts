import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClusterHealth, NodePhase, OperationState, type Node } from '@wombat/proto/control';
import t from 'tap';
import { withoutErlang } from '../support/checkout.js';
import { expectExit } from '../support/expect.js';
import { prepareMesh } from '../support/families.js';
import { idOf, nameOf } from '../support/fleet-view.js';
import { lastSequence, mostAway } from '../support/most-away.js';
import { signalProcess } from '../support/processes.js';
import { packOtpRelease } from '../support/releases.js';
import { notYet, until } from '../support/until.js';
import { Workshop } from '../support/workshop.js';

const skip = withoutErlang();

t.test('a family of a real Erlang release is updated, breaks, goes back, and is cancelled', { skip, timeout: 300_000 }, async (t) => {
  const workshop = await Workshop.open(t);
  const { family, release: first } = await prepareMesh(workshop, { nodesPerHost: 3, flags: ['--env', 'COLOUR=red'] });
  await workshop.ok('deploy-nodes', family, '--amount', '3');
  const before = inOrder(await workshop.untilRunning(3));
  const dataFile = (node: Node): string => join(workshop.hostDirectories()[0]!, 'nodes', idOf(node), 'data', 'kept');
  for (const node of before) writeFileSync(dataFile(node), nameOf(node));
  const second = await upload(workshop, '0.2.0', 'bin/two', ['exit 0']);

  await t.test('one node after another, over a killed coordinator', async (t) => {
    const plan = await workshop.wo('family', 'update', family, '--release', second, '--dry-run');
    t.match(plan.stdout, /update node +\S+.*0\.1\.0 -> .*0\.2\.0/, 'a dry run shows what would be changed');
    t.strictSame(pidsOf(await workshop.fleet.nodes()), pidsOf(before), 'and changes nothing');
    const from = await lastSequence(workshop);
    const operation = await workshop.ok('family', 'update', family, '--release', second, '--env', 'COLOUR=blue', '--detach');
    const refused = expectExit(t, await workshop.wo('family', 'update', family), 8, 'a second update waits its turn');
    t.match(refused.stderr, operation, 'the first is named');
    await until('the first node is on its way', async () => (await workshop.fleet.nodes()).some(({ phase }) => phase !== NodePhase.RUNNING) || notYet('all run'));
    await workshop.restartCoordinator();
    await until('the update has ended', async () => {
      const { state, error } = await workshop.fleet.operation(operation);
      return state !== OperationState.RUNNING || notYet(error);
    }, { withinMs: 120_000 });
    t.match(await workshop.fleet.operation(operation), { state: OperationState.SUCCEEDED, progress: { total: 3, done: 3, failed: 0 } });
    const after = inOrder(await workshop.fleet.nodes());
    t.match(after, before.map((node) => ({ phase: NodePhase.RUNNING, releaseId: second, hostId: node.hostId, erlangName: node.erlangName, metadata: { name: nameOf(node) } })), 'every node runs the new release under its old name, where it was');
    t.strictSame(after.filter(({ pid }) => before.some((node) => node.pid === pid)).map(nameOf), [], 'as another process');
    t.strictSame(after.map((node) => readFileSync(dataFile(node), 'utf8')), before.map(nameOf), 'with the data that it had');
    t.match(await workshop.ok('exec', family, '--', 'sh', '-c', 'echo $COLOUR'), /blue/, 'and the new environment');
    t.equal((await workshop.fleet.status(family)).family?.cluster?.health, ClusterHealth.ONE, 'as one cluster');
    t.equal(await mostAway(workshop, from), 1, 'never more than one was away from running');
  });

  await t.test('a bad release stops at the first node, which names its cause; the rollback touches that one only', async (t) => {
    const ran = inOrder(await workshop.fleet.nodes());
    const bad = await upload(workshop, '0.3.0', 'bin/broken', ['echo "the licence file is missing" >&2', 'exit 7'], 'bin/broken');
    const failed = expectExit(t, await workshop.wo('family', 'update', family, '--release', bad), 1, 'the first node fails');
    for (const told of [/the licence file is missing/, /exit code 7/, /generation 4 .*0\.3\.0\): \S+ \(failed, nothing of it runs\)/, /generation 3 .*0\.2\.0\): \S+, \S+/, /wo family update \S+ --rollback/]) t.match(failed.stderr, told);
    const now = inOrder(await workshop.fleet.nodes());
    t.strictSame(pidsOf(now.slice(1)), pidsOf(ran.slice(1)), 'no other node was touched');
    t.match(now.slice(1), now.slice(1).map(() => ({ phase: NodePhase.RUNNING })));

    const rollback = await workshop.ok('family', 'update', family, '--rollback', '--detach');
    await until('the failed node is on its way', async () => (await workshop.fleet.nodes()).every(({ phase }) => phase !== NodePhase.FAILED) || notYet('one has failed'));
    for (const agent of workshop.agents()) signalProcess(agent, 'SIGKILL');
    expectExit(t, await workshop.wo('operation', 'watch', rollback), 0, 'a killed agent holds it up only for a while');
    const back = inOrder(await workshop.fleet.nodes());
    t.match(back, back.map(() => ({ phase: NodePhase.RUNNING, releaseId: second })), 'all run the release of before');
    t.strictSame(pidsOf(back.slice(1)), pidsOf(ran.slice(1)), 'those that had it have not been touched');
    t.equal((await workshop.fleet.status(family)).family?.cluster?.health, ClusterHealth.ONE, 'as one cluster');
    const revisions = await workshop.ok('family', 'revisions', family);
    t.match(revisions.split('\n')[1], /^5 \(now\) .*0\.2\.0 .*back to 3, release/, 'the history tells it');
    t.match(revisions, /release, variable COLOUR/);
  });

  await t.test('cancelled: the node that is under way comes to its end, the others keep what they run', async (t) => {
    const ran = inOrder(await workshop.fleet.nodes());
    const operation = await workshop.ok('family', 'update', family, '--rollback', '--detach');
    await until('the first node is on its way', async () => (await workshop.fleet.nodes()).some(({ phase }) => phase !== NodePhase.RUNNING) || notYet('all run'));
    await workshop.ok('operation', 'cancel', operation);
    const watched = await workshop.wo('operation', 'watch', operation);
    t.match(watched.stderr, /1 of 3 nodes are updated; generation 6 .*0\.1\.0\): \S+; generation 5 .*0\.2\.0\): \S+, \S+/, 'it tells what runs what');
    const now = inOrder(await workshop.fleet.nodes());
    t.match(now, [{ phase: NodePhase.RUNNING, releaseId: first }, { releaseId: second }, { releaseId: second }]);
    t.strictSame(pidsOf(now.slice(1)), pidsOf(ran.slice(1)), 'the others were not touched');
    t.ok(existsSync(dataFile(now[0]!)), 'the data is still there');
  });
});

/** The sample under another version, with one more script. */
async function upload(workshop: Workshop, version: string, script: string, lines: readonly string[], start?: string): Promise<string> {
  const tarball = await packOtpRelease(join(workshop.directory, `${version}.tar.gz`), [{ name: script.replace('bin/', ''), lines }]);
  const words = start === undefined ? [] : [start];
  return workshop.ok('upload-release', `mesh ${version}`, tarball, ...words, '--release-version', version);
}

function inOrder(nodes: readonly Node[]): Node[] {
  return [...nodes].sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
}

function pidsOf(nodes: readonly Node[]): string[] {
  return inOrder(nodes).map(({ pid }) => String(pid));
}
