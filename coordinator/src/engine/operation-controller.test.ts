import t, { type Test } from 'tap';
import { WombatError } from '@wombat/proto';
import type { Operation } from '../domain/model/operation.js';
import type { ClusterHealth } from '../domain/model/family.js';
import type { Node, NodePhase } from '../domain/model/node.js';
import { ManualClock } from '../fleet/testing/manual-clock.js';
import { storeWaits, type NewObject, type Store } from '../store/store.js';
import { idNumber } from '../testing/counting-ids.js';
import { familyRow, hostRow, nodeRow, operationRow } from '../testing/rows.js';
import { change, eventsAfter, openTestStore, put, row } from '../testing/test-store.js';
import { operationTools } from '../testing/operation-tools.js';
import { Turns } from './operations/turns.js';
import { OperationController } from './operation-controller.js';

const family = familyRow();
const operationId = idNumber('op', 900);
const lastError = { code: 'WO_NODE_EXITED', message: 'exit code 1', hint: '' };

interface Setting {
  readonly store: Store;
  readonly clock: ManualClock;
  look(): Promise<number | void>;
  operation(): Promise<Operation>;
}

async function setting(test: Test, phases: readonly NodePhase[], operation: Partial<NewObject<Operation>> = {}, health: ClusterHealth = 'not_clustered'): Promise<Setting> {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  const node = (phase: NodePhase, index: number): NewObject<Node> =>
    nodeRow(family.id, index + 1, { phase, operationId, ...(phase === 'failed' ? { lastError } : {}), ...(phase === 'fetching' ? { waiting: { reason: 'the disk is full', since: 0 } } : {}) });
  await put(store, 'families', familyRow({ cluster: { health, parts: [] } }));
  await put(store, 'hosts', hostRow(1));
  await put(store, 'nodes', ...phases.map(node));
  await put(store, 'operations', operationRow({ familyId: family.id, progress: { total: phases.length, done: 0, failed: 0 }, deadline: clock.now() + 60_000, ...operation }));
  const controller = new OperationController(store, clock, new Turns(store, operationTools(clock)));
  return { store, clock, look: () => controller.reconcile(operationId), operation: () => row(store, 'operations', operationId) };
}

const ends: readonly [what: string, kind: Operation['kind'], phases: readonly NodePhase[], health: ClusterHealth, state: Operation['state'], code?: string][] = [
  ['all run', 'deploy', ['running', 'running'], 'not_clustered', 'succeeded'],
  ['all run as one cluster', 'deploy', ['running', 'running'], 'one', 'succeeded'],
  ['all run, the cluster was not looked at', 'deploy', ['running', 'running'], 'forming', 'running'],
  ['all run as two clusters', 'deploy', ['running', 'running'], 'split', 'partial', 'WO_CLUSTER_SPLIT'],
  ['one failed', 'deploy', ['running', 'failed'], 'not_clustered', 'partial', 'WO_NODE_EXITED'],
  ['one failed, the cluster was not looked at', 'deploy', ['running', 'failed'], 'forming', 'running'],
  ['all failed', 'deploy', ['failed', 'failed'], 'not_clustered', 'failed', 'WO_NODE_EXITED'],
  ['all failed, there will be no cluster', 'deploy', ['failed', 'failed'], 'forming', 'failed', 'WO_NODE_EXITED'],
  ['one is on its way', 'deploy', ['running', 'starting'], 'not_clustered', 'running'],
  ['one is unknown', 'deploy', ['running', 'unknown'], 'not_clustered', 'running'],
  ['all stopped', 'stop', ['stopped', 'stopped'], 'forming', 'succeeded'],
  ['running is not stopped', 'stop', ['stopped', 'running'], 'one', 'running'],
  ['all gone', 'remove', ['gone', 'gone'], 'one', 'succeeded'],
  ['all restarted', 'restart', ['running'], 'one', 'succeeded'],
  ['all started', 'start', ['running'], 'not_clustered', 'succeeded'],
  ['all drained', 'drain_host', ['gone', 'gone'], 'one', 'succeeded'],
  ['nothing to drain', 'drain_host', [], 'one', 'succeeded'],
];

for (const [what, kind, phases, health, state, code] of ends) {
  void t.test(`${kind}, ${what}: ${state}`, async (test) => {
    const of = await setting(test, phases, { kind }, health);
    await of.look();
    const operation = await of.operation();
    test.equal(operation.state, state);
    test.equal(operation.error?.code, code, 'the error, if there is one');
    test.equal(operation.finishedAt !== undefined, state !== 'running', 'the time of its end');
    test.same((await eventsAfter(of.store)).map((event) => event.split(' ')[0]), state === 'running' ? [] : ['operation.finished'], 'the end is told');
  });
}

void t.test('progress is read off the nodes', async (test) => {
  const of = await setting(test, ['running', 'starting', 'failed']);
  test.equal(await of.look(), 60_000, 'looked at again when it is overdue, if nothing wakes it');
  test.match(await of.operation(), { state: 'running', progress: { total: 3, done: 1, failed: 1 } });
  const { revision } = await of.operation();
  await of.look();
  test.equal((await of.operation()).revision, revision, 'what has not changed is not written');
  await change(of.store, 'nodes', idNumber('node', 2), { phase: 'running' });
  await of.look();
  test.match(await of.operation(), { state: 'partial', progress: { total: 3, done: 2, failed: 1 }, error: { message: /^web-3: exit code 1$/ } });
});

void t.test('an operation whose time is over says who is late, and for what it waits', async (test) => {
  const of = await setting(test, ['running', 'fetching']);
  await of.clock.advance(60_000);
  await of.look();
  test.match(await of.operation(), { state: 'partial', error: { code: 'WO_DEADLINE_EXCEEDED', message: '1 of 2 are as asked for: web-2 is fetching (the disk is full)' } });
  const events = await eventsAfter(of.store);
  await of.look();
  test.same(await eventsAfter(of.store), events, 'it ends once');
});

void t.test('an operation whose cluster could not be looked at in its time says why', async (test) => {
  const of = await setting(test, ['running', 'running'], {}, 'forming');
  await change(of.store, 'families', familyRow().id, { cluster: { health: 'forming', parts: [], unseen: 'strategy(x): its program is away' } });
  await of.clock.advance(60_000);
  await of.look();
  test.match(await of.operation(), { error: { code: 'WO_DEADLINE_EXCEEDED', message: '2 of 2 are as asked for; whether they are one cluster was not seen: strategy(x): its program is away' } });
});

for (const kind of ['deploy', 'start', 'restart'] as const) {
  void t.test(`${kind}: a node that has ended in good order, as its restart policy lets it, is waited for no longer`, async (test) => {
    const of = await setting(test, ['running', 'stopped'], { kind });
    await of.look();
    test.match(await of.operation(), { state: 'succeeded', error: undefined, progress: { total: 2, done: 2, failed: 0 } });
    test.match((await of.store.read.events.list({ afterSequence: 0, limit: 9 })).at(-1)?.message, /succeeded \(2 of 2 done, 1 of them ended in good order\)$/);
  });
}

void t.test('of a cluster, too: nobody joins any more when all have ended', async (test) => {
  const of = await setting(test, ['stopped'], {}, 'forming');
  await of.look();
  test.equal((await of.operation()).state, 'succeeded');
});

void t.test('who is late is not one that has ended in good order', async (test) => {
  const of = await setting(test, ['stopped', 'fetching']);
  await of.clock.advance(60_000);
  await of.look();
  test.match(await of.operation(), { state: 'partial', error: { message: /^1 of 2 are as asked for: web-2 is fetching/ } });
});

void t.test('nodes that a later operation took over are not waited for', async (test) => {
  const of = await setting(test, ['running', 'stopping']);
  await change(of.store, 'nodes', idNumber('node', 2), { operationId: idNumber('op', 901) });
  await of.look();
  test.match(await of.operation(), { state: 'partial', error: { code: 'WO_CONFLICT', message: /1 of its nodes/ }, progress: { total: 2, done: 1, failed: 0 } });
});

void t.test('the removal of a host ends with the host', async (test) => {
  const entry = { action: 'destroy_host', nodeId: '', nodeName: '', hostId: idNumber('host', 1), domainId: '', reason: '' } as const;
  const of = await setting(test, [], { kind: 'remove_host', familyId: '', plan: [entry], progress: { total: 1, done: 0, failed: 0 } });
  await of.look();
  test.equal((await of.operation()).state, 'running');
  await change(of.store, 'hosts', idNumber('host', 1), { phase: 'gone' });
  await of.look();
  test.match(await of.operation(), { state: 'succeeded', progress: { total: 1, done: 1 } });
});

void t.test('a cancelled operation is left alone', async (test) => {
  const of = await setting(test, ['running'], { state: 'cancelled', finishedAt: 5 });
  await of.look();
  test.match(await of.operation(), { state: 'cancelled', finishedAt: 5, revision: 1 });
  test.same(await new OperationController(of.store, of.clock, new Turns(of.store, operationTools(of.clock))).all(), [], 'nor swept');
});

void t.test('the record of a large operation is not read for each of its nodes', async (test) => {
  const entry = { action: 'create_node', nodeId: '', nodeName: '', hostId: '', domainId: '', reason: '' } as const;
  const of = await setting(test, ['starting', 'starting'], { plan: Array.from({ length: 2_000 }, () => entry) });
  await of.look();
  await change(of.store, 'nodes', idNumber('node', 1), { phase: 'running' });
  test.equal(await of.look(), 100, 'it rests a moment');
  test.equal((await of.operation()).progress.done, 0);
  await of.clock.advance(100);
  await of.look();
  test.equal((await of.operation()).progress.done, 1);
});

void t.test('an operation that is not there is no reason to fail', async (test) => {
  const of = await setting(test, []);
  test.equal(await new OperationController(of.store, of.clock, new Turns(of.store, operationTools(of.clock))).reconcile(''), undefined);
});

void t.test('an operation whose turn comes while the store takes nothing still waits', async (test) => {
  const { store, clock, operation } = await setting(test, [], { state: 'waiting', wish: { kind: 'deploy', familyId: family.id, releaseId: '', amount: 1, timeoutMs: 60_000 } });
  for (const code of storeWaits) {
    let isRefused = false;
    const transaction: Store['transaction'] = (work) => {
      // Only the first is refused: what would end the operation would be written.
      if (isRefused) return store.transaction(work);
      isRefused = true;
      return Promise.reject(new WombatError(code, 'on purpose'));
    };
    const refusing: Store = { read: store.read, transaction, onCommit: (listener) => store.onCommit(listener), close: () => store.close() };
    await test.rejects(new Turns(refusing, operationTools(clock)).look(operationId), { code }, `${code} is told to whoever looks, who looks again`);
    test.equal((await operation()).state, 'waiting', 'and the operation stays as it is');
  }
});
