import t, { type Test } from 'tap';
import type { NodeChange, Operation, Wish } from '../../domain/model/operation.js';
import { ManualClock } from '../../fleet/testing/manual-clock.js';
import type { Store } from '../../store/store.js';
import { CountingIds, idNumber } from '../../testing/counting-ids.js';
import { operationTools } from '../../testing/operation-tools.js';
import { domainRow, familyRow, hostRow, nodeRow, providerRow, releaseRow } from '../../testing/rows.js';
import { change, eventsAfter, openTestStore, put, row } from '../../testing/test-store.js';
import { cancelOperation } from './cancel-operation.js';
import { startOperation } from './start-operation.js';
import { Turns } from './turns.js';

const [web, db] = [familyRow({ name: 'web' }, {}, 1), familyRow({ name: 'db' }, {}, 2)];
const tenMinutes = 600_000;

/** New ones are called web-1, web-2, ... */
const old = (familyId: string, number: number, host = number) => nodeRow(familyId, number, { name: `old-${number}`, hostId: idNumber('host', host) });

interface Setting {
  readonly store: Store;
  readonly clock: ManualClock;
  readonly turns: Turns;
  ask(wish: Wish, waitMs?: number): Promise<Operation>;
  end(operation: Operation): Promise<unknown>;
  cancel(operation: Operation): Promise<Operation>;
  state(operation: Operation): Promise<string>;
}

async function setting(test: Test): Promise<Setting> {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  const ids = new CountingIds();
  // Rows of the test have the first of them.
  for (let taken = 0; taken < 10; taken += 1) ids.next('node');
  const tools = operationTools(clock, ids);
  await put(store, 'providers', providerRow());
  await put(store, 'releases', releaseRow());
  await put(store, 'families', { ...web, spec: { ...web.spec, releaseId: releaseRow().id } }, db);
  await put(store, 'domains', domainRow(web.id));
  await put(store, 'hosts', hostRow(1), hostRow(2), hostRow(3));
  await put(store, 'nodes', old(web.id, 1), old(web.id, 2), old(db.id, 3));
  return {
    store, clock, turns: new Turns(store, tools),
    ask: (wish, waitMs) => store.transaction((transaction) => startOperation(tools, transaction, { wish, principal: 'ada', name: wish.kind, waitMs })),
    end: ({ id }) => change(store, 'operations', id, { state: 'succeeded', finishedAt: 1 }),
    cancel: ({ id }) => store.transaction(async (transaction) => cancelOperation(tools, transaction, (await transaction.operations.get(id))!, 'bob')),
    state: async ({ id }) => (await row(store, 'operations', id)).state,
  };
}

function wish(what: NodeChange, { nodes = [] as number[], families = [web.id] } = {}): Wish {
  return { kind: 'change', change: what, nodeIds: nodes.map((number) => idNumber('node', number)), familyIds: nodes.length > 0 ? [] : families, keepData: true, noDrain: true, timeoutMs: 60_000 };
}

void t.test('who does not wait is told who holds it; who waits is told for what', async (test) => {
  const of = await setting(test);
  const first = await of.ask(wish('restart'));
  await test.rejects(of.ask(wish('stop')), { code: 'WO_CONFLICT', message: new RegExp(`family web is held by operation ${first.id}`), details: { operation: first.id } });
  const second = await of.ask(wish('stop'), tenMinutes);
  test.match(second, { state: 'waiting', kind: 'stop', familyId: web.id, plan: [], waiting: { reason: new RegExp(first.id) } });
  test.match(await row(of.store, 'nodes', idNumber('node', 1)), { operationId: first.id, desired: 'running' }, 'nothing is begun');
  test.equal(await of.turns.look(second.id), tenMinutes, 'looked at again when it has waited for too long');
});

void t.test('turns come in the order of asking, and whoever has no turn does not push in', async (test) => {
  const of = await setting(test);
  const first = await of.ask(wish('restart'));
  const second = await of.ask(wish('stop'), tenMinutes);
  const third = await of.ask(wish('start'), tenMinutes);
  await of.end(first);
  await test.rejects(of.ask(wish('stop')), { code: 'WO_CONFLICT', message: new RegExp(`to be had first by operation ${second.id}`) });
  await of.turns.look(third.id);
  test.equal(await of.state(third), 'waiting', 'looked at first, but not first in line');
  await of.turns.look(second.id);
  test.equal(await of.state(second), 'running');
  const { id, createdAt } = second;
  test.match(await row(of.store, 'operations', id), { createdAt, plan: [{ action: 'stop_node' }, { action: 'stop_node' }], progress: { total: 2 }, deadline: of.clock.now() + 60_000 });
  test.notOk((await row(of.store, 'operations', id)).wish, 'the wish is carried out');
  await of.turns.look(third.id);
  test.equal(await of.state(third), 'waiting');
  await of.end(second);
  await of.turns.look(third.id);
  test.equal(await of.state(third), 'running');
});

void t.test('what waits is planned against the state of when it starts', async (test) => {
  const of = await setting(test);
  const first = await of.ask(wish('restart'));
  const second = await of.ask(wish('stop'), tenMinutes);
  await put(of.store, 'nodes', old(web.id, 4, 1));
  await change(of.store, 'nodes', idNumber('node', 2), { phase: 'gone' });
  await of.end(first);
  await of.turns.look(second.id);
  test.same((await row(of.store, 'operations', second.id)).plan.map(({ nodeName }) => nodeName).sort(), ['old-1', 'old-4'], 'the nodes that the family has by now');
});

void t.test('what cannot be done any more ends with the reason, and nothing of it is written', async (test) => {
  const of = await setting(test);
  const first = await of.ask(wish('restart'));
  const second = await of.ask({ kind: 'deploy', familyId: web.id, amount: 2, releaseId: releaseRow().id, timeoutMs: 60_000 }, tenMinutes);
  await of.end(first);
  await of.store.transaction((transaction) => transaction.domains.delete(domainRow(web.id).id));
  await of.turns.look(second.id);
  test.match(await row(of.store, 'operations', second.id), { state: 'failed', error: { code: 'WO_NO_DOMAIN' }, finishedAt: of.clock.now() });
  test.equal(await of.store.read.nodes.count({ familyId: web.id }), 2);
  test.match((await eventsAfter(of.store)).at(-1), /^operation.finished .*WO_NO_DOMAIN/);
});

void t.test('it waits no longer than it was told to', async (test) => {
  const of = await setting(test);
  const first = await of.ask(wish('restart'));
  const second = await of.ask(wish('stop'), tenMinutes);
  await of.clock.advance(tenMinutes);
  await of.turns.look(second.id);
  test.match(await row(of.store, 'operations', second.id), { state: 'failed', error: { code: 'WO_CONFLICT', message: new RegExp(first.id) } });
});

void t.test('what has waited for too long is not begun, also when nobody looked in time', async (test) => {
  const of = await setting(test);
  const first = await of.ask(wish('restart'));
  const second = await of.ask(wish('stop'), tenMinutes);
  await of.clock.advance(tenMinutes);
  await of.end(first);
  await of.turns.look(second.id);
  test.match(await row(of.store, 'operations', second.id), { state: 'failed', error: { code: 'WO_CONFLICT' } });
  test.match(await row(of.store, 'nodes', idNumber('node', 1)), { desired: 'running' }, 'its nodes are left alone');
});

void t.test('one that waits can be cancelled, and the next has its turn', async (test) => {
  const of = await setting(test);
  const first = await of.ask(wish('restart'));
  const second = await of.ask(wish('stop'), tenMinutes);
  const third = await of.ask(wish('start'), tenMinutes);
  test.match(await of.cancel(second), { state: 'cancelled', cancelledBy: 'bob', rest: 'nothing was begun' });
  await of.end(first);
  await of.turns.look(second.id);
  test.equal(await of.state(second), 'cancelled');
  await of.turns.look(third.id);
  test.equal(await of.state(third), 'running');
});

void t.test('families that have nothing to do with each other do not wait', async (test) => {
  const of = await setting(test);
  await of.ask(wish('restart'));
  test.match(await of.ask(wish('restart', { families: [db.id] })), { state: 'running' });
});

void t.test('an operation over several families holds each of them, also as one that waits', async (test) => {
  const of = await setting(test);
  const first = await of.ask(wish('restart', { families: [db.id] }));
  const both = await of.ask(wish('stop', { families: [web.id, db.id] }), tenMinutes);
  await test.rejects(of.ask(wish('stop')), { code: 'WO_CONFLICT', message: new RegExp(both.id) });
  await of.end(first);
  await of.turns.look(both.id);
  test.match(await row(of.store, 'operations', both.id), { state: 'running', familyIds: [web.id, db.id] });
  await test.rejects(of.ask({ kind: 'deploy', familyId: web.id, amount: 1, releaseId: '', timeoutMs: 1 }), { code: 'WO_CONFLICT', message: new RegExp(both.id) });
});

void t.test('a host is drained when no family on it is held', async (test) => {
  const of = await setting(test);
  const first = await of.ask(wish('restart'));
  const drain = { kind: 'drain_host', hostId: idNumber('host', 1), noDrain: true } as const;
  await test.rejects(of.ask(drain), { code: 'WO_CONFLICT', message: new RegExp(first.id) });
  const second = await of.ask(drain, tenMinutes);
  test.equal((await row(of.store, 'hosts', idNumber('host', 1))).phase, 'up');
  await of.end(first);
  await of.turns.look(second.id);
  test.equal((await row(of.store, 'hosts', idNumber('host', 1))).phase, 'draining');
});

void t.test('a family is scaled up, down, or is as it shall be', async (test) => {
  const of = await setting(test);
  const scale = (amount: number): Wish => ({ kind: 'scale', familyId: web.id, amount, keepData: true, noDrain: true, timeoutMs: 1_000 });
  const up = await of.ask(scale(3));
  test.match(up, { kind: 'scale', name: 'scale web to 3', progress: { total: 1 } });
  test.match(up.plan.filter(({ action }) => action === 'create_node').length, 1);
  await of.end(up);
  const down = await of.ask(scale(1));
  test.match(down, { kind: 'scale', progress: { total: 2 }, plan: [{ action: 'remove_node' }, { action: 'remove_node' }] });
  test.equal((await row(of.store, 'nodes', idNumber('node', 1))).desired, 'running', 'the oldest stays');
  await of.end(down);
  test.match(await of.ask(scale(1)), { kind: 'scale', progress: { total: 0 } }, 'those that go are not counted');
});
