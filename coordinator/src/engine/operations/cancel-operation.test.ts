import t, { type Test } from 'tap';
import type { HostPhase } from '../../domain/model/host.js';
import type { Node, NodePhase } from '../../domain/model/node.js';
import type { Operation, OperationKind, PlanAction } from '../../domain/model/operation.js';
import { ManualClock } from '../../fleet/testing/manual-clock.js';
import type { NewObject, Store } from '../../store/store.js';
import { idNumber } from '../../testing/counting-ids.js';
import { operationTools } from '../../testing/operation-tools.js';
import { familyRow, hostRow, nodeRow, operationRow } from '../../testing/rows.js';
import { change, eventsAfter, openTestStore, put, row } from '../../testing/test-store.js';
import { OperationController } from '../operation-controller.js';
import { cancelOperation } from './cancel-operation.js';
import { stepsOf } from './steps.js';
import { Turns } from './turns.js';

const family = familyRow();
const operationId = idNumber('op', 900);

interface Setting {
  readonly store: Store;
  readonly clock: ManualClock;
  cancel(): Promise<Operation>;
  look(): Promise<number | void>;
  operation(): Promise<Operation>;
  node(number?: number): Promise<Node>;
  host(number?: number): Promise<{ phase: string; desired: string }>;
}

/** Each node on the host of its number; hosts made for a deploy. */
async function setting(test: Test, kind: OperationKind, action: PlanAction, nodes: readonly Partial<NewObject<Node>>[], hostPhases: readonly HostPhase[] = []): Promise<Setting> {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  const tools = operationTools(clock);
  await put(store, 'families', family);
  await put(store, 'hosts', ...nodes.map((_, index) => hostRow(index + 1, { phase: hostPhases[index] ?? 'up', operationId })));
  await put(store, 'nodes', ...nodes.map((node, index) => nodeRow(family.id, index + 1, { operationId, ...node })));
  const made = kind === 'deploy' ? nodes.map((_, index) => ({ action: 'create_host' as const, nodeId: '', nodeName: '', hostId: idNumber('host', index + 1), hostName: `cloud-${index + 1}`, domainId: '', reason: '' })) : [];
  const plan = [...made, ...nodes.map((_, index) => ({ action, nodeId: idNumber('node', index + 1), nodeName: '', hostId: idNumber('host', index + 1), domainId: '', reason: '' }))];
  await put(store, 'operations', operationRow({ kind, plan, familyId: family.id, progress: { total: nodes.length, done: 0, failed: 0 }, deadline: clock.now() + 900_000 }));
  const controller = new OperationController(store, clock, new Turns(store, tools));
  return {
    store, clock,
    cancel: () => store.transaction(async (transaction) => cancelOperation(tools, transaction, (await transaction.operations.get(operationId))!, 'bob')),
    look: () => controller.reconcile(operationId),
    operation: () => row(store, 'operations', operationId),
    node: (number = 1) => row(store, 'nodes', idNumber('node', number)),
    host: (number = 1) => row(store, 'hosts', idNumber('host', number)),
  };
}

void t.test('a deploy: what runs stays, the rest goes, and so do hosts that were made only for it', async (test) => {
  const of = await setting(test, 'deploy', 'create_node', [{ phase: 'running' }, { phase: 'starting' }, { phase: 'pending' }], ['up', 'up', 'creating']);
  await of.cancel();
  test.match(await of.node(1), { phase: 'running', desired: 'running', generation: 1 });
  test.match(await of.node(2), { phase: 'stopping', desired: 'absent', keepData: true, generation: 2 });
  test.match(await of.node(3), { phase: 'gone', desired: 'absent' }, 'its host never had an agent: nobody would say that it has ended');
  test.match([await of.host(1), await of.host(2), await of.host(3)], [{ desired: 'present' }, { desired: 'present' }, { desired: 'absent' }], 'not before its node has gone');
  await of.look();
  test.equal((await of.operation()).state, 'cancelling');
  await change(of.store, 'nodes', idNumber('node', 2), { phase: 'gone' });
  await of.look();
  test.equal((await of.host(2)).desired, 'absent', 'now it is empty');
  await change(of.store, 'hosts', idNumber('host', 2), { phase: 'gone' });
  await change(of.store, 'hosts', idNumber('host', 3), { phase: 'gone' });
  await of.look();
  test.match(await of.operation(), { state: 'cancelled', finishedAt: of.clock.now(), rest: 'nodes: 2 gone, 1 running; hosts: cloud-1 up, cloud-2 gone, cloud-3 gone' });
  test.same((await eventsAfter(of.store)).filter((event) => event.startsWith('operation')), ['operation.cancelling deploy 1 of family 900 cancelling', 'operation.cancelled deploy 1 of family 900 cancelled']);
});

void t.test('cancelled while its end is being written: what the cancel has begun is waited for all the same', async (test) => {
  const of = await setting(test, 'deploy', 'create_node', [{ phase: 'failed' }, { phase: 'failed' }]);
  const cancelledMeanwhile: Store = { ...of.store, read: of.store.read, transaction: async (work) => (await of.cancel(), of.store.transaction(work)) };
  await new OperationController(cancelledMeanwhile, of.clock, new Turns(of.store, operationTools(of.clock))).reconcile(operationId);
  test.match(await of.operation(), { state: 'cancelling' }, 'its nodes still go');
  await change(of.store, 'nodes', idNumber('node', 1), { phase: 'gone' });
  await change(of.store, 'nodes', idNumber('node', 2), { phase: 'gone' });
  await of.look();
  test.match([await of.host(1), await of.host(2)], [{ desired: 'absent' }, { desired: 'absent' }], 'and the hosts that were made for them go');
});

void t.test('a host that never answers does not keep it from ending', async (test) => {
  const of = await setting(test, 'deploy', 'create_node', [{ phase: 'starting' }]);
  await of.cancel();
  test.equal(await of.look(), 120_000);
  await of.clock.advance(120_000);
  await of.look();
  test.match(await of.operation(), { state: 'cancelled', rest: 'nodes: 1 stopping; hosts: cloud-1 up' }, 'and what is left is said');
});

const rests: readonly [kind: OperationKind, action: PlanAction, from: Partial<NewObject<Node>>, to: Partial<Node>][] = [
  ['start', 'start_node', { phase: 'starting' }, { phase: 'stopping', desired: 'stopped', generation: 2 }],
  ['deploy', 'create_node', { phase: 'stopped' }, { phase: 'stopped', desired: 'running', generation: 1 }],
  ['start', 'start_node', { phase: 'running' }, { phase: 'running', desired: 'running', generation: 1 }],
  ['stop', 'stop_node', { phase: 'stopping', desired: 'stopped' }, { phase: 'stopping', desired: 'stopped', generation: 1 }],
  ['restart', 'restart_node', { phase: 'stopping' }, { phase: 'stopping', desired: 'running', generation: 1 }],
  ['remove', 'remove_node', { phase: 'stopping', desired: 'absent' }, { phase: 'stopping', desired: 'absent', generation: 1 }],
  ['remove', 'remove_node', { phase: 'draining', draining: { since: 1, stage: 'hook', then: { desired: 'absent' } } }, { phase: 'running', desired: 'running', generation: 1 }],
];

for (const [kind, action, from, to] of rests) {
  void t.test(`a cancelled ${kind} of a node that is ${from.phase}: ${to.phase}, wanted ${to.desired}`, async (test) => {
    const of = await setting(test, kind, action, [from]);
    await of.cancel();
    const node = await of.node();
    test.match(node, to);
    test.equal(node.draining, undefined);
    await change(of.store, 'nodes', node.id, { phase: node.phase === 'stopped' ? 'stopped' : node.desired === 'running' ? 'running' : node.desired === 'stopped' ? 'stopped' : 'gone' });
    await of.look();
    test.equal((await of.operation()).state, 'cancelled');
  });
}

void t.test('a cancelled drain of a host: it takes nodes again', async (test) => {
  const of = await setting(test, 'drain_host', 'remove_node', [{ phase: 'draining', draining: { since: 1, stage: 'hook', then: { desired: 'absent' } } }], ['draining']);
  await of.cancel();
  test.match([await of.host(), await of.node()], [{ phase: 'up' }, { phase: 'running' }]);
});

void t.test('a cancelled drain of a silent host: it takes nodes again when it comes back', async (test) => {
  const of = await setting(test, 'drain_host', 'remove_node', [{ phase: 'unknown', draining: { since: 1, stage: 'hook', then: { desired: 'absent' } } }], ['unknown']);
  await change(of.store, 'hosts', idNumber('host', 1), { isDraining: true });
  await of.cancel();
  const host = await of.store.read.hosts.get(idNumber('host', 1));
  test.match([host, await of.node()], [{ phase: 'unknown', isDraining: undefined }, { phase: 'unknown', desired: 'running', draining: undefined }]);
});

void t.test('a cancelled removal of a host goes on once the provider was asked, and that is told', async (test) => {
  const of = await setting(test, 'remove_host', 'destroy_host', [{ phase: 'gone' }], ['destroying']);
  await change(of.store, 'hosts', idNumber('host', 1), { desired: 'absent' });
  await of.cancel();
  await of.look();
  test.equal((await of.host()).desired, 'absent');
  test.match(await of.operation(), { state: 'cancelled', rest: /^nodes: 1 gone; hosts: \S+ destroying, which goes on$/ });
});

void t.test('a cancelled removal of a host is undone until the provider was asked', async (test) => {
  const of = await setting(test, 'remove_host', 'destroy_host', [{ phase: 'gone' }]);
  await change(of.store, 'hosts', idNumber('host', 1), { desired: 'absent' });
  await of.cancel();
  test.equal((await of.host()).desired, 'present');
});

void t.test('each step says where it stands', async (test) => {
  const phases: readonly NodePhase[] = ['running', 'starting', 'pending', 'failed'];
  const of = await setting(test, 'deploy', 'create_node', phases.map((phase) => ({ phase, ...(phase === 'failed' ? { lastError: { code: 'WO_NODE_EXITED', message: 'exit code 1', hint: '' } } : {}) })), ['up', 'booting', 'requested', 'failed']);
  await change(of.store, 'nodes', idNumber('node', 3), { waiting: { reason: 'its host is created', since: 0 } });
  const stands = async (): Promise<string[]> => (await stepsOf(of.store.read, await of.operation())).map(({ state, why }) => `${state} ${why}`.trim());
  test.same(await stands(), ['done', 'active it is booting', 'waiting', 'failed', 'done', 'active starting', 'waiting its host is created', 'failed exit code 1']);
  await change(of.store, 'nodes', idNumber('node', 1), { operationId: idNumber('op', 901) });
  await change(of.store, 'nodes', idNumber('node', 2), { phase: 'stopped' });
  test.equal((await stands())[5], 'done it has ended in good order, as its restart policy lets it');
  test.equal((await stands())[4], 'left a later operation has the node, or it is no more');
});
