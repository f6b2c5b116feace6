import t, { type Test } from 'tap';
import type { Draining, Node } from '../domain/model/node.js';
import type { NodeChange, Operation } from '../domain/model/operation.js';
import { ManualClock } from '../fleet/testing/manual-clock.js';
import type { NewObject, Store } from '../store/store.js';
import { CountingIds, idNumber } from '../testing/counting-ids.js';
import { familyRow, hostRow, manifestOf, nodeRow, releaseRow } from '../testing/rows.js';
import { change, eventsAfter, openTestStore, put, row } from '../testing/test-store.js';
import { drainHost, removeHost } from './change-hosts.js';
import { changeNodes } from './change-nodes.js';
import { reviseFamily } from './family-revisions.js';

const family = familyRow();

interface Setting {
  readonly store: Store;
  ask(what: NodeChange, how?: { keepData?: boolean; noDrain?: boolean }): Promise<Operation>;
  drain(): Promise<Operation>;
  removeHost(isConnected?: boolean): Promise<Operation>;
  node(number?: number): Promise<Node>;
}

async function setting(test: Test, nodes: readonly NewObject<Node>[], hostFields = {}): Promise<Setting> {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  const tools = { clock, ids: new CountingIds() };
  await put(store, 'families', family, familyRow({}, {}, 901));
  await put(store, 'hosts', hostRow(1, hostFields), hostRow(2));
  await put(store, 'nodes', ...nodes);
  const host = () => row(store, 'hosts', idNumber('host', 1));
  return {
    store,
    ask: (what, { keepData = true, noDrain = false } = {}) =>
      store.transaction(async (transaction) =>
        changeNodes(tools, transaction, { change: what, nodes: await transaction.nodes.find({}), principal: 'ada', keepData, noDrain, timeoutMs: 1_000, joins: () => true }),
      ),
    drain: async () => {
      const of = await host();
      return store.transaction((transaction) => drainHost(tools, transaction, { host: of, principal: 'ada', noDrain: false, joins: () => true }));
    },
    removeHost: async (isConnected = true) => {
      const of = await host();
      return store.transaction((transaction) => removeHost({ ...tools, fleet: { isConnected: () => isConnected } }, transaction, of, 'ada'));
    },
    node: (number = 1) => row(store, 'nodes', idNumber('node', number)),
  };
}

const changes: readonly [what: NodeChange, from: Partial<NewObject<Node>>, to: Partial<Omit<Node, 'draining'>> & { readonly draining?: Partial<Draining> }][] = [
  ['start', { phase: 'stopped', desired: 'stopped' }, { phase: 'pending', desired: 'running', generation: 2 }],
  ['start', { phase: 'failed' }, { phase: 'pending', desired: 'running', generation: 2 }],
  ['start', { phase: 'running' }, { phase: 'running', desired: 'running', generation: 1 }],
  ['stop', { phase: 'running' }, { phase: 'stopping', desired: 'stopped', generation: 2 }],
  ['stop', { phase: 'stopped', desired: 'stopped' }, { phase: 'stopped', desired: 'stopped', generation: 1 }],
  ['restart', { phase: 'running' }, { phase: 'stopping', desired: 'running', generation: 2, restartGeneration: 1 }],
  ['remove', { phase: 'running' }, { phase: 'draining', desired: 'running', generation: 1, draining: { stage: 'hook', then: { desired: 'absent', keepData: true } } }],
  ['remove', { phase: 'failed' }, { phase: 'stopping', desired: 'absent', generation: 2, keepData: true }],
  ['drain', { phase: 'running' }, { phase: 'draining', desired: 'running', generation: 1, draining: { stage: 'hook', then: { desired: 'stopped' } } }],
  ['drain', { phase: 'unknown' }, { phase: 'stopping', desired: 'stopped', generation: 2 }],
  ['drain', { phase: 'stopped', desired: 'stopped' }, { phase: 'stopped', desired: 'stopped', generation: 1 }],
];

for (const [what, from, to] of changes) {
  void t.test(`${what} of a node that is ${from.phase}: ${to.phase}, wanted ${to.desired}`, async (test) => {
    const of = await setting(test, [nodeRow(family.id, 1, { lastError: { code: 'WO_NODE_EXITED', message: 'old', hint: '' }, ...from })]);
    const operation = await of.ask(what);
    test.match(await of.node(), { ...to, operationId: operation.id });
    test.match(operation, { kind: what, familyId: family.id, state: 'running', plan: [{ nodeId: idNumber('node', 1) }] });
    test.equal((await eventsAfter(of.store))[0], `operation.started ${what} web-1 running`);
  });
}

void t.test('data goes only when that was said', async (test) => {
  const of = await setting(test, [nodeRow(family.id, 1)]);
  await of.ask('remove', { keepData: false, noDrain: true });
  test.match(await of.node(), { keepData: false, phase: 'stopping', desired: 'absent' }, 'at once, as it was said');
});

void t.test('a node that could not be drained is not stopped as if nothing were', async (test) => {
  const of = await setting(test, [nodeRow(family.id, 1, { phase: 'failed', lastError: { code: 'WO_NODE_DRAIN_FAILED', message: 'no', hint: '' } })]);
  await of.ask('remove');
  test.match(await of.node(), { phase: 'draining', desired: 'running' });
});

void t.test('a held node cannot be taken by another operation', async (test) => {
  const of = await setting(test, [nodeRow(family.id, 1)]);
  const holder = await of.ask('restart');
  await test.rejects(of.ask('stop'), { code: 'WO_CONFLICT', details: { operation: holder.id } });
  await change(of.store, 'operations', holder.id, { finishedAt: 1, state: 'succeeded' });
  await of.ask('stop');
});

void t.test('an operation over two families holds the nodes of both', async (test) => {
  const of = await setting(test, [nodeRow(family.id, 1), nodeRow(idNumber('fam', 901), 2)]);
  const holder = await of.ask('restart');
  test.equal(holder.familyId, '', 'it belongs to no single family');
  await test.rejects(of.ask('stop'), { code: 'WO_CONFLICT', message: new RegExp(holder.id) });
});

void t.test('there must be something to change', async (test) => {
  const of = await setting(test, []);
  await test.rejects(of.ask('stop'), { code: 'WO_NOT_FOUND' });
});

void t.test('what is started was looked at again as a cluster', async (test) => {
  const of = await setting(test, [nodeRow(family.id, 1)]);
  await change(of.store, 'families', family.id, { cluster: { health: 'one', parts: [] } });
  await of.ask('restart');
  test.equal((await row(of.store, 'families', family.id)).cluster.health, 'forming');
});

void t.test('a node of a host that never came is gone at once: nobody would ever say that it has ended', async (test) => {
  const of = await setting(test, [nodeRow(family.id, 1, { phase: 'failed' })], { phase: 'failed' });
  await test.rejects(of.removeHost(false), { code: 'WO_IN_USE', hint: /wo node remove web-1/ });
  await of.ask('remove');
  test.equal((await of.node()).phase, 'gone');
  await of.removeHost(false);
  test.equal((await row(of.store, 'hosts', idNumber('host', 1))).desired, 'absent', 'and the host can be removed');
});

void t.test('a host that died with its nodes can be removed, but only after they were', async (test) => {
  const of = await setting(test, [nodeRow(family.id, 1, { phase: 'unknown' })], { phase: 'unknown' });
  await test.rejects(of.removeHost(false), { code: 'WO_IN_USE' }, 'not by mistake');
  await of.ask('remove');
  await test.rejects(of.removeHost(true), { code: 'WO_IN_USE' }, 'not while its agent can still stop them');
  await of.removeHost(false);
  test.equal((await row(of.store, 'hosts', idNumber('host', 1))).desired, 'absent');
});

void t.test('draining removes the nodes and keeps their data', async (test) => {
  const of = await setting(test, [nodeRow(family.id, 1), nodeRow(family.id, 2, { hostId: idNumber('host', 1) })]);
  const operation = await of.drain();
  test.match(operation, { kind: 'drain_host', progress: { total: 2 } });
  test.match(await of.node(2), { desired: 'running', phase: 'draining', draining: { then: { desired: 'absent', keepData: true } }, operationId: operation.id });
  test.same(operation.familyIds, [family.id], 'it holds the families of its nodes');
  await test.rejects(of.ask('stop'), { code: 'WO_CONFLICT', details: { operation: operation.id } });
  test.equal((await row(of.store, 'hosts', idNumber('host', 1))).phase, 'draining');
});

void t.test('a silent host is drained when it comes back, a lost one is not: its nodes are replaced', async (test) => {
  const of = await setting(test, [nodeRow(family.id, 1, { phase: 'unknown' })], { phase: 'unknown', silentSince: 1 });
  const operation = await of.drain();
  test.match(await row(of.store, 'hosts', idNumber('host', 1)), { phase: 'unknown', silentSince: 1, isDraining: true, operationId: operation.id }, 'it is as silent as before');
  test.match((await of.store.read.events.list({ afterSequence: 0, limit: 100 })).filter(({ type }) => type === 'host.phase'), [{ message: 'cloud-1 is silent: its nodes go when it comes back' }]);
  const lost = await setting(test, [nodeRow(family.id, 1, { phase: 'unknown' })], { phase: 'lost' });
  await test.rejects(lost.drain(), { code: 'WO_CONFLICT', hint: 'deploy others in their place: wo host replace cloud-1' });
});

for (const phase of ['requested', 'creating', 'booting', 'failed', 'destroying', 'gone'] as const) {
  void t.test(`a host that is ${phase} cannot be drained`, async (test) => {
    const of = await setting(test, [], { phase });
    await test.rejects(of.drain(), { code: 'WO_CONFLICT', message: new RegExp(phase) });
  });
}

void t.test('a host that is gone cannot be removed again', async (test) => {
  const of = await setting(test, [], { phase: 'gone' });
  await test.rejects(of.removeHost(), { code: 'WO_NOT_FOUND' });
});

void t.test('on a host that never came into being nothing is waited for', async (test) => {
  for (const phase of ['failed', 'gone'] as const) {
    const of = await setting(test, [nodeRow(family.id, 1, { phase: 'failed' })], { phase });
    for (const what of ['start', 'restart'] as const) {
      await test.rejects(of.ask(what), { code: 'WO_CONFLICT', hint: /wo node remove web-1/ }, `${what} on a ${phase} host says what to do`);
    }
    const operation = await of.ask('stop');
    test.match(await of.node(), { phase: 'stopped', desired: 'stopped' }, 'what never ran is stopped');
    await change(of.store, 'operations', operation.id, { finishedAt: 1, state: 'succeeded' });
    await of.ask('remove');
    test.match(await of.node(), { phase: 'gone', desired: 'absent' });
  }
});

void t.test('a node that could not join gets all of its tries again; a member stays one', async (test) => {
  const membership = { startId: 'start-1', contactIds: [], attempts: 5 };
  const of = await setting(test, [
    nodeRow(family.id, 1, { phase: 'failed', membership: { ...membership, joined: false } }),
    nodeRow(family.id, 2, { phase: 'failed', membership: { ...membership, joined: true } }),
  ], {});
  await of.ask('start');
  test.equal((await of.node(1)).membership, undefined);
  test.match((await of.node(2)).membership, { joined: true });
});

void t.test('who starts anew gets what the family says by now', async (test) => {
  const { store, ask, node } = await setting(test, [nodeRow(family.id, 1), nodeRow(family.id, 2, { phase: 'stopped', desired: 'stopped' })]);
  const revised = () => store.transaction(async (transaction) => reviseFamily(transaction, (await transaction.families.get(family.id))!, { environment: { A: '2' } }, { at: 1, principal: 'ada', keep: 10 }));
  await revised();
  await ask('start');
  test.same([(await node(1)).familyGeneration, (await node(2)).familyGeneration], [1, 2], 'the one that ran goes on as it was');
  await change(store, 'operations', (await node(2)).operationId, { state: 'succeeded', finishedAt: 1 });
  await ask('restart');
  test.same([(await node(1)).familyGeneration, (await node(2)).familyGeneration], [2, 2]);
});

void t.test('a restart that would miss a secret is refused while the node runs', async (test) => {
  const { store, ask, node } = await setting(test, [nodeRow(family.id, 1)]);
  await put(store, 'releases', releaseRow({ manifest: manifestOf({ templates: ['etc/a'] }), templateTexts: { 'etc/a': '{{secret:KEY}}' } }));
  await test.rejects(ask('restart'), { code: 'WO_TEMPLATE_INVALID', message: /no secret KEY/ });
  test.match(await node(), { phase: 'running', generation: 1 });
  await ask('stop');
});
