import t, { type Test } from 'tap';
import { DataSizes, type ChannelData } from '@wombat/proto/agent';
import {
  DataPolicy, HostPhase, NodePhase, type DrainHostRequest, type DrainHostResponse, type GetHostRequest, type GetHostResponse, type ListHostsRequest, type ListHostsResponse, type ListNodesRequest, type ListNodesResponse,
  type RemoveHostRequest, type RemoveHostResponse, type RemoveNodesRequest, type RemoveNodesResponse, type RenderNodeRequest, type RenderNodeResponse, type StopNodesRequest, type StopNodesResponse,
} from '@wombat/proto/control';
import { AssignmentBuilder } from '../../engine/assignment-builder.js';
import type { ChannelPurpose } from '../../fleet/fleet.js';
import { ManualClock } from '../../fleet/testing/manual-clock.js';
import { unary } from '../../testing/calls.js';
import { CountingIds, idNumber } from '../../testing/counting-ids.js';
import { FakeFleet } from '../../testing/fake-fleet.js';
import { fakeSecrets } from '../../testing/fake-secrets.js';
import { operationTools } from '../../testing/operation-tools.js';
import { FakeStrategies } from '../../testing/fake-strategies.js';
import { familyRow, hostRow, manifestOf, nodeRow, providerRow, releaseRow } from '../../testing/rows.js';
import { change, openTestStore, put, row } from '../../testing/test-store.js';
import { hostService } from './host-service.js';
import { nodeService } from './node-service.js';

const page = (filter: string) => ({ pageSize: 0, pageToken: '', filter, orderBy: 'name' });
const dryRun = { requestId: '', expectedRevision: 0n, dryRun: true };

/** Families "web" with nodes 1 and 2, "db" with node 3; node 9 is gone. */
async function setting(test: Test) {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  const fleet = new FakeFleet();
  const strategies = new FakeStrategies();
  const [web, db] = [familyRow({ name: 'web' }, {}, 1), familyRow({ name: 'db' }, {}, 2)];
  await put(store, 'providers', providerRow());
  await put(store, 'releases', releaseRow({ manifest: manifestOf({ start: 'bin/run {{node.name}}' }) }));
  await put(store, 'families', web, db);
  await put(store, 'hosts', hostRow(1), hostRow(2), hostRow(3, { phase: 'unknown' }), hostRow(9, { phase: 'gone' }));
  await put(store, 'nodes', nodeRow(web.id, 1), nodeRow(web.id, 2, { phase: 'failed' }), nodeRow(db.id, 3), nodeRow(web.id, 9, { phase: 'gone' }));
  const tools = { store, clock, ids: new CountingIds(), fleet };
  const nodes = nodeService({ ...tools, operations: operationTools(clock, tools.ids), assignments: new AssignmentBuilder({ store, clock, secrets: fakeSecrets, strategies }) });
  const hosts = hostService({ ...tools, operations: operationTools(clock, tools.ids), packages: { wanted: async () => ({}) }, identities: { revoke: () => Promise.reject(new Error('not in this test')) } });
  return {
    store, fleet,
    list: unary<ListNodesRequest, ListNodesResponse>(nodes, 'listNodes'),
    stop: unary<StopNodesRequest, StopNodesResponse>(nodes, 'stopNodes'),
    remove: unary<RemoveNodesRequest, RemoveNodesResponse>(nodes, 'removeNodes'),
    render: unary<RenderNodeRequest, RenderNodeResponse>(nodes, 'renderNode'),
    listHosts: unary<ListHostsRequest, ListHostsResponse>(hosts, 'listHosts'),
    getHost: unary<GetHostRequest, GetHostResponse>(hosts, 'getHost'),
    drain: unary<DrainHostRequest, DrainHostResponse>(hosts, 'drainHost'),
    removeHost: unary<RemoveHostRequest, RemoveHostResponse>(hosts, 'removeHost'),
  };
}

const lists: readonly [filter: string, includeGone: boolean, names: readonly string[]][] = [
  ['', false, ['web-1', 'web-2', 'web-3']],
  ['', true, ['web-1', 'web-2', 'web-3', 'web-9']],
  ['family=web', false, ['web-1', 'web-2']],
  ['family=web,phase=failed', false, ['web-2']],
  ['host=cloud-3', false, ['web-3']],
  ['phase=gone', false, ['web-9']],
  ['name=web-1', false, ['web-1']],
];
void t.test('nodes are listed by family, host and phase', async (test) => {
  const { list } = await setting(test);
  for (const [filter, includeGone, names] of lists) {
    const answer = await list({ page: page(filter), includeGone });
    test.same(answer.nodes.map((node) => node.metadata?.name), names, `${filter || 'all'}${includeGone ? ', gone ones too' : ''}`);
  }
  await test.rejects(list({ page: page('family=nobody') }), { code: 'WO_NOT_FOUND', hint: /wo family list/ });
});

const meanings: readonly [nodes: readonly string[], numbers: readonly number[] | string][] = [
  [['web-1'], [1]],
  [['web-1', 'web-1', idNumber('node', 1)], [1]],
  [['web'], [1, 2]],
  [['web', 'web-3'], [1, 2, 3]],
  [['web-9'], 'WO_NOT_FOUND'],
  [[], 'WO_NOT_FOUND'],
  [['nobody'], 'WO_NOT_FOUND'],
  [['fam-'], 'WO_AMBIGUOUS'],
];
void t.test('which nodes are meant', async (test) => {
  for (const [references, expected] of meanings) {
    const { store, stop } = await setting(test);
    const asking = stop({ nodes: [...references] });
    if (typeof expected === 'string') {
      await test.rejects(asking, { code: expected }, references.join());
      continue;
    }
    const { operation } = await asking;
    test.same(operation?.plan.map((entry) => entry.nodeId).sort(), expected.map((number) => idNumber('node', number)), references.join());
    test.equal((await store.read.nodes.find({ operationId: operation!.metadata!.id })).length, expected.length);
  }
});

void t.test('agents that report all the time are no conflict for who asks', async (test) => {
  const { store, stop } = await setting(test);
  const reporting = Array.from({ length: 10 }, (_, index) => change(store, 'nodes', idNumber('node', 1), { pid: index }));
  const [{ operation }] = await Promise.all([stop({ nodes: ['web-1'] }), ...reporting]);
  test.match(await row(store, 'nodes', idNumber('node', 1)), { desired: 'stopped', operationId: operation?.metadata?.id });
});

void t.test('data is deleted only by a clear word', async (test) => {
  for (const [data, expected] of [[DataPolicy.KEEP, true], [DataPolicy.DELETE, false], [DataPolicy.UNSPECIFIED, undefined], [42 as DataPolicy, undefined]] as const) {
    const { store, remove } = await setting(test);
    const asking = remove({ nodes: ['web-1'], data });
    if (expected === undefined) await test.rejects(asking, { code: 'WO_CONFIRMATION_NEEDED', hint: /--keep-data or --delete-data/ }, `${data}`);
    else await asking;
    const node = await row(store, 'nodes', idNumber('node', 1));
    test.match(node, expected === undefined ? { desired: 'running' } : { desired: 'absent', keepData: expected }, `${data}`);
  }
});

/** What an agent answers that finds so many bytes in the directory of each node; none: an empty one. */
const agentWith = (sizes: Readonly<Record<string, bigint>>) => async function* (purpose: ChannelPurpose): AsyncGenerator<ChannelData> {
  const asked = purpose.$case === 'measureData' ? purpose.value.nodeIds : [];
  const answer = asked.map((nodeId) => ({ nodeId, sizeBytes: sizes[nodeId] ?? 0n, empty: !(nodeId in sizes), atLeast: false }));
  yield { offset: 0n, data: Buffer.from(DataSizes.encode({ sizes: answer }).finish()), lostBytes: 0n, log: undefined };
};

void t.test('nothing need be said of data where there is none', async (test) => {
  const { store, fleet, remove } = await setting(test);
  fleet.connect(idNumber('host', 1), idNumber('host', 2));
  fleet.channel = agentWith({});
  await remove({ nodes: ['web'] });
  test.match(await row(store, 'nodes', idNumber('node', 1)), { desired: 'absent', keepData: true }, 'what is written meanwhile is kept');
  test.same(fleet.opened.map(({ hostId }) => hostId).sort(), [idNumber('host', 1), idNumber('host', 2)], 'each host is asked once');
});

void t.test('how much data there is is told, by a dry run and by the refusal', async (test) => {
  const { store, fleet, remove } = await setting(test);
  fleet.connect(idNumber('host', 1), idNumber('host', 2));
  fleet.channel = agentWith({ [idNumber('node', 1)]: 12_900_000n });
  await test.rejects(remove({ nodes: ['web', 'web-3'] }), {
    code: 'WO_CONFIRMATION_NEEDED', message: 'there is data of web-1 (12.3 MiB), web-3 (its host cannot be asked how much)', hint: 'give --keep-data or --delete-data',
  });
  const { data, operation } = await remove({ nodes: ['web', 'web-3'], mutation: dryRun });
  test.same(data.map(({ nodeName, sizeBytes, empty }) => [nodeName, sizeBytes, empty]), [['web-1', 12_900_000n, false], ['web-2', 0n, true], ['web-3', undefined, false]]);
  test.equal(operation?.progress?.total, 3, 'and what would be done');
  test.match(await row(store, 'nodes', idNumber('node', 1)), { desired: 'running', revision: 1 }, 'nothing is done');
});

void t.test('an agent that answers nonsense, too much or not at all: nothing is known', async (test) => {
  const { fleet, remove } = await setting(test);
  fleet.connect(idNumber('host', 1));
  const answers: readonly Uint8Array[] = [
    Buffer.from('nonsense'), Buffer.alloc(200_000), Buffer.alloc(0),
    DataSizes.encode({ sizes: [{ nodeId: idNumber('node', 3), sizeBytes: 0n, empty: true, atLeast: false }] }).finish(),
    DataSizes.encode({ sizes: [{ nodeId: idNumber('node', 1), sizeBytes: 9n, empty: true, atLeast: false }] }).finish(),
  ];
  for (const answer of answers) {
    fleet.channel = async function* () {
      yield { offset: 0n, data: Buffer.from(answer), lostBytes: 0n, log: undefined };
    };
    await test.rejects(remove({ nodes: ['web-1'] }), { code: 'WO_CONFIRMATION_NEEDED' }, `${answer.length} bytes`);
  }
});

void t.test('a node whose host never came into being has no data', async (test) => {
  const { store, remove } = await setting(test);
  await change(store, 'hosts', idNumber('host', 1), { phase: 'failed' });
  await remove({ nodes: ['web-1'] });
  test.match(await row(store, 'nodes', idNumber('node', 1)), { phase: 'gone' });
});

void t.test('a dry run stops nothing', async (test) => {
  const { store, stop } = await setting(test);
  const { operation } = await stop({ nodes: ['web'], mutation: dryRun });
  test.equal(operation?.progress?.total, 2);
  test.match(await row(store, 'nodes', idNumber('node', 1)), { desired: 'running', revision: 1 });
  test.equal(await store.read.operations.count({}), 0);
});

void t.test('what a node gets can be seen', async (test) => {
  const { render } = await setting(test);
  test.match(await render({ node: 'web-1' }), { start: ['bin/run', 'web-1'], files: [] });
});

void t.test('hosts: listed with their nodes, drained and removed', async (test) => {
  const { store, fleet, listHosts, getHost, drain, removeHost, remove } = await setting(test);
  test.same((await listHosts({ page: page('') })).hosts.map((host) => `${host.metadata?.name} ${HostPhase[host.phase]} ${host.nodeCount}`), ['cloud-1 UP 1', 'cloud-2 UP 1', 'cloud-3 UNKNOWN 1']);
  test.equal((await listHosts({ page: page('provider=cloud'), includeGone: true })).hosts.length, 4);
  fleet.connect(idNumber('host', 1));
  await test.rejects(removeHost({ host: 'cloud-1' }), { code: 'WO_IN_USE', hint: /wo host drain cloud-1/ });
  await drain({ host: 'cloud-1', mutation: dryRun });
  test.equal((await getHost({ host: 'cloud-1' })).host?.phase, HostPhase.UP, 'a dry run drains nothing');
  await drain({ host: 'cloud-1' });
  test.equal((await getHost({ host: 'cloud-1' })).host?.phase, HostPhase.DRAINING);
  await test.rejects(removeHost({ host: 'cloud-1' }), { code: 'WO_IN_USE' }, 'its nodes are being stopped');
  await change(store, 'nodes', idNumber('node', 1), { phase: 'gone' });
  await removeHost({ host: 'cloud-1' });
  test.match(await row(store, 'hosts', idNumber('host', 1)), { desired: 'absent', generation: 2 });
  await remove({ nodes: ['web-3'], data: DataPolicy.DELETE });
  await removeHost({ host: 'cloud-3' });
  test.equal((await row(store, 'hosts', idNumber('host', 3))).desired, 'absent', 'a machine that is lost can be given up');
  await test.rejects(removeHost({ host: 'cloud-9' }), { code: 'WO_NOT_FOUND', message: /gone already/ });
});

void t.test('phases have the same words everywhere', async (test) => {
  const { list, store } = await setting(test);
  await change(store, 'nodes', idNumber('node', 1), { phase: 'joining', waiting: { reason: 'no quorum', since: 1, nextTryAt: 2 } });
  test.match((await list({ page: page('name=web-1') })).nodes, [{ phase: NodePhase.JOINING, waiting: { reason: 'no quorum', nextTryAt: new Date(2) }, familyName: 'web' }]);
});
