import t, { type Test } from 'tap';
import { ManualClock } from '../fleet/testing/manual-clock.js';
import { mutate } from '../api/control/mutation.js';
import type { Node } from '../domain/model/node.js';
import type { Operation } from '../domain/model/operation.js';
import type { ManifestPort } from '../domain/model/release.js';
import type { Commit, Store } from '../store/store.js';
import { CountingIds, idNumber } from '../testing/counting-ids.js';
import { domainRow, familyRow, hostRow, manifestOf, providerRow, releaseRow } from '../testing/rows.js';
import { change, eventsAfter, openTestStore, put, row } from '../testing/test-store.js';
import { deployNodes } from './deploy-nodes.js';

const first = familyRow({ name: 'first' }, {}, 1);
const second = familyRow({ name: 'second' }, {}, 2);

interface Setting {
  readonly store: Store;
  deploy(amount: number, options?: { familyId?: string; dryRun?: boolean }): Promise<Operation>;
}

const http: ManifestPort = { name: 'http', protocol: 'tcp', number: 0 };
const fixed: ManifestPort = { name: 'fixed', protocol: 'tcp', number: 8_080 };

async function setting(test: Test, domains = [domainRow(first.id), domainRow(second.id, {}, 901)], ports = [http]): Promise<Setting> {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  const ids = new CountingIds();
  const release = releaseRow({ manifest: manifestOf({ nodeName: 'web', ports }) });
  await put(store, 'providers', providerRow());
  await put(store, 'releases', release);
  await put(store, 'families', first, second);
  await put(store, 'domains', ...domains);
  return {
    store,
    async deploy(amount, { familyId = first.id, dryRun = false } = {}) {
      const [family, stored] = await Promise.all([row(store, 'families', familyId), row(store, 'releases', release.id)]);
      const request = { family, release: stored, amount, principal: 'ada', timeoutMs: 60_000, joins: true, maximum: 20_000 };
      return mutate(store, { requestId: '', expectedRevision: 0n, dryRun }, (transaction) => deployNodes({ clock, ids, enforcesFirewall: () => false }, transaction, request));
    },
  };
}

async function everything(store: Store): Promise<Record<string, number>> {
  const counted: Record<string, number> = { events: await store.read.events.lastSequence() };
  for (const kind of ['hosts', 'nodes', 'operations'] as const) counted[kind] = await store.read[kind].count({});
  return counted;
}

void t.test('a deploy is one commit: operation, hosts, nodes, and what is told of them', async (test) => {
  const { store, deploy } = await setting(test);
  const commits: Commit[] = [];
  store.onCommit((commit) => commits.push(commit));
  const operation = await deploy(3);
  test.equal(commits.length, 1, 'nobody ever sees half of a deploy');
  test.same(
    commits[0]?.changes.map((change) => change.kind).sort(),
    ['families', 'hosts', 'hosts', 'nodes', 'nodes', 'nodes', 'operations'],
    'all rows are in that commit',
  );
  test.same(await eventsAfter(store), [
    'operation.started deploy 3 of first running', 'host.phase cloud-1 requested', 'host.phase cloud-2 requested',
    'node.phase web-1 pending', 'node.phase web-2 pending', 'node.phase web-3 pending',
  ], 'each transition has its event');
  test.match(operation, { kind: 'deploy', state: 'running', progress: { total: 3, done: 0, failed: 0 }, principal: 'ada' });
  const nodes = await store.read.nodes.find({ operationId: operation.id });
  test.same(nodes.map((node) => node.ordinal).sort(), [1, 2, 3], 'ordinals count within the family');
  test.equal(new Set(nodes.map((node) => node.hostId)).size, 2, 'three nodes fill two hosts of two places');
  test.equal((await row(store, 'families', first.id)).cluster.health, 'forming', 'what was known of the cluster holds no more');
  const [host] = await store.read.hosts.find({});
  test.equal(host?.key, host?.id, 'the key under which the provider is asked is in the store before it is asked');
});

void t.test('ports: fixed ones as they are, the others never twice', async (test) => {
  const { store, deploy } = await setting(test, undefined, [http, fixed]);
  await deploy(4);
  const nodes = await store.read.nodes.find({});
  const chosen = nodes.flatMap((node) => [node.distributionPort, node.ports.find(({ name }) => name === 'http')!.number]);
  test.equal(new Set(chosen).size, 8, `no port is given to two nodes: ${chosen.join()}`);
  test.ok(chosen.every((port) => port >= 20_000 && port < 32_000), 'all are outside the range of outgoing connections');
  test.same(nodes.map((node) => node.ports.find(({ name }) => name === 'fixed')?.number), [8_080, 8_080, 8_080, 8_080]);
  test.equal(new Set(nodes.map(({ hostId }) => hostId)).size, 4, 'a fixed port means one node a host, though two would fit');
  await deploy(2, { familyId: second.id });
  const hosts = (await store.read.nodes.find({})).map(({ hostId }) => hostId);
  test.equal(new Set(hosts).size, 6, 'a neighbour of another family counts too');
});

void t.test('ports: when the numbers have gone round, those that a node of the host has are passed over', async (test) => {
  const { store, deploy } = await setting(test, [domainRow(first.id, { maxHosts: 1, nodesPerHost: 2 })]);
  await change(store, 'operations', (await deploy(1)).id, { state: 'succeeded', finishedAt: 1 });
  const [{ distributionPort, ports }] = (await store.read.nodes.find({})) as [Node];
  // All numbers but the two that this node has.
  await store.transaction((transaction) => transaction.nextNumber('ports', 12_000 - 2));
  await deploy(1);
  const [, later] = (await store.read.nodes.find({})).sort((a, b) => a.ordinal - b.ordinal);
  test.same([distributionPort, ports[0]?.number], [20_001, 20_002], 'the first node has the first numbers');
  test.same([later?.distributionPort, later?.ports[0]?.number], [20_003, 20_004], 'the second node has those behind them');
});

void t.test('names are unique over families whose nodes have the same base', async (test) => {
  const { store, deploy } = await setting(test);
  await deploy(2);
  await deploy(2, { familyId: second.id });
  const nodes = await store.read.nodes.find({});
  test.same(nodes.map((node) => node.name).sort(), ['web-1', 'web-2', 'web-3', 'web-4'], 'one epmd may serve them all');
  test.same(nodes.filter((node) => node.familyId === second.id).map((node) => node.ordinal).sort(), [1, 2], 'ordinals are the family\'s own');
});

void t.test('a host name that somebody has taken is passed over', async (test) => {
  const { store, deploy } = await setting(test);
  await put(store, 'hosts', hostRow(1, { name: 'cloud-1', providerId: '' }));
  await deploy(2);
  const hosts = await store.read.hosts.find({ providerId: idNumber('prv', 900) });
  test.same(hosts.map((host) => host.name), ['cloud-2'], 'or no deploy would ever succeed again');
});

for (const amount of [0, -1, 1.5, 1e9, Number.NaN, 20_001]) {
  void t.test(`${amount} nodes are refused`, async (test) => {
    const { store, deploy } = await setting(test);
    await test.rejects(deploy(amount), { code: 'WO_AMOUNT_INVALID' });
    test.same(await everything(store), { events: 0, hosts: 0, nodes: 0, operations: 0 }, 'nothing was written');
  });
}

void t.test('a family without a domain cannot be deployed', async (test) => {
  const { store, deploy } = await setting(test, []);
  await test.rejects(deploy(1), { code: 'WO_NO_DOMAIN', message: /first/ });
  test.same(await everything(store), { events: 0, hosts: 0, nodes: 0, operations: 0 }, 'nothing was written');
});

void t.test('what does not fit is refused whole, with the way out', async (test) => {
  const { store, deploy } = await setting(test, [domainRow(first.id, { maxHosts: 2, nodesPerHost: 2 })]);
  await test.rejects(deploy(5), { code: 'WO_PLACEMENT_IMPOSSIBLE', message: /only 4 of 5/, hint: /maxHosts/ });
  test.same(await everything(store), { events: 0, hosts: 0, nodes: 0, operations: 0 }, 'nothing was written');
  await deploy(4);
  test.equal(await store.read.nodes.count({}), 4, 'what fits goes');
});

void t.test('a family is held by one operation at a time', async (test) => {
  const { store, deploy } = await setting(test);
  const holder = await deploy(1);
  await test.rejects(deploy(1), { code: 'WO_CONFLICT', details: { operation: holder.id }, hint: new RegExp(holder.id) });
  test.equal(await store.read.nodes.count({}), 1, 'the second wrote nothing');
  await deploy(1, { familyId: second.id });
  test.equal(await store.read.nodes.count({}), 2, 'another family is not held');
  await change(store, 'operations', holder.id, { state: 'succeeded', finishedAt: 1 });
  await deploy(1);
  test.equal(await store.read.nodes.count({}), 3, 'it is free when the operation has ended');
});

void t.test('a dry run answers what would be done and leaves nothing', async (test) => {
  const { store, deploy } = await setting(test);
  const commits: Commit[] = [];
  store.onCommit((commit) => commits.push(commit));
  const trial = await deploy(3, { dryRun: true });
  test.same(trial.plan.map((entry) => entry.action), ['create_host', 'create_host', 'create_node', 'create_node', 'create_node'], 'the plan is told');
  test.same(await everything(store), { events: 0, hosts: 0, nodes: 0, operations: 0 }, 'no row and no event');
  test.equal(commits.length, 0, 'and no controller is woken');
  await deploy(1);
  const [node] = await store.read.nodes.find({});
  test.match(node, { name: 'web-1', ordinal: 1, distributionPort: 20_001 }, 'no counter has moved');
});
