import t, { type Test } from 'tap';
import type { FamilySpec } from '../../domain/model/family.js';
import type { Node } from '../../domain/model/node.js';
import type { Operation } from '../../domain/model/operation.js';
import { ManualClock } from '../../fleet/testing/manual-clock.js';
import type { NewObject, Store } from '../../store/store.js';
import { CountingIds, idNumber } from '../../testing/counting-ids.js';
import { FakeStrategies } from '../../testing/fake-strategies.js';
import { familyRow, hostRow, manifestOf, nodeRow, releaseRow } from '../../testing/rows.js';
import { change, eventsAfter, openTestStore, put, row } from '../../testing/test-store.js';
import { operationTools } from '../../testing/operation-tools.js';
import { reviseFamily } from '../family-revisions.js';
import { cancelOperation } from '../operations/cancel-operation.js';
import { stepsOf } from '../operations/steps.js';
import { UpdateController } from './update-controller.js';
import { updateNodes, type UpdateRequest } from './update-nodes.js';

const familyId = familyRow().id;
const [first, second] = [releaseRow({ version: '1' }), releaseRow({ id: idNumber('rel', 901), version: '2' })];
const lastError = { code: 'WO_NODE_EXITED', message: 'exit code 1', hint: 'see its log' };

class Setting {
  readonly controller: UpdateController;
  readonly #ids = new CountingIds();

  private constructor(readonly store: Store, readonly clock: ManualClock) {
    this.controller = new UpdateController({ store, clock, strategies: new FakeStrategies() });
  }

  static async of(test: Test, nodes: readonly NewObject<Node>[], { strategy = 'none', to = second } = {}): Promise<Setting> {
    const clock = new ManualClock();
    const store = await openTestStore(test, clock);
    await put(store, 'releases', first, to);
    await put(store, 'families', familyRow({}, { releaseId: first.id, bootstrap: { strategy, options: {} } }));
    await put(store, 'hosts', ...[1, 2, 3].map((number) => hostRow(number)));
    await put(store, 'nodes', ...nodes);
    return new Setting(store, clock);
  }

  revise(changes: Partial<FamilySpec> = { releaseId: second.id }): Promise<unknown> {
    return this.store.transaction(async (transaction) => reviseFamily(transaction, (await transaction.families.get(familyId))!, changes, { at: 5, principal: 'ada', keep: 10 }));
  }

  update(fields: Partial<UpdateRequest> = {}): Promise<Operation> {
    return this.store.transaction(async (transaction) => {
      const family = (await transaction.families.get(familyId))!;
      return updateNodes({ clock: this.clock, ids: this.#ids }, transaction, { family, principal: 'ada', maxParallel: 1, settleMs: 0, ...fields });
    });
  }

  look(): Promise<number | void> {
    return this.controller.reconcile(familyId);
  }

  node(number: number): Promise<Node> {
    return row(this.store, 'nodes', idNumber('node', number));
  }

  /** As its agent would have it. */
  async set(number: number, fields: Partial<Node>): Promise<void> {
    await change(this.store, 'nodes', idNumber('node', number), { phaseSince: this.clock.now(), ...fields });
  }

  async phases(): Promise<string> {
    return (await this.store.read.nodes.find({ familyId })).map(({ phase, familyGeneration }) => `${phase} ${familyGeneration}`).join(', ');
  }
}

const three = [1, 2, 3].map((number) => nodeRow(familyId, number));
const member = (number: number) => ({ membership: { startId: `start-${number}`, contactIds: [], joined: true, attempts: 1 } });

void t.test('one after another, the oldest first, until all run what the family says', async (test) => {
  const of = await Setting.of(test, three);
  await of.revise();
  const operation = await of.update();
  test.match(operation, { kind: 'update', plan: [{ action: 'update_node', nodeName: 'web-1', reason: 'web 1 -> web 2' }, { nodeName: 'web-2' }, { nodeName: 'web-3' }], progress: { total: 3, done: 0 } });
  test.equal(await of.phases(), 'running 1, running 1, running 1', 'nothing is touched by asking');
  for (const number of [1, 2, 3]) {
    await of.look();
    test.match(await of.node(number), { phase: 'pending', releaseId: second.id, familyGeneration: 2, generation: 2, operationId: operation.id, name: `web-${number}`, ordinal: number });
    await of.look();
    test.equal((await of.store.read.nodes.find({ operationId: operation.id })).length, number, 'no other before it runs');
    await of.set(number, { phase: 'running' });
  }
  await of.look();
  test.match(await row(of.store, 'operations', operation.id), { state: 'succeeded', progress: { total: 3, done: 3, failed: 0 } });
  test.match((await eventsAfter(of.store)).at(-1), /operation.finished update 3 of family 900 succeeded/);
  test.equal(await of.look(), undefined, 'and is left alone from then on');
});

void t.test('a failure ends it: who runs what, how to go on and how to go back are told', async (test) => {
  const of = await Setting.of(test, three);
  await of.revise();
  const { id } = await of.update();
  await of.look();
  await of.set(1, { phase: 'running' });
  await of.look();
  await of.set(2, { phase: 'failed', lastError, pid: 0 });
  await of.look();
  test.equal(await of.phases(), 'running 2, failed 2, running 1', 'the third was not touched');
  const { state, error } = await row(of.store, 'operations', id);
  test.equal(state, 'partial');
  test.equal(error?.code, 'WO_NODE_EXITED');
  test.equal(error?.message, 'web-2: exit code 1; generation 2 (web 2): web-1, web-2 (failed, nothing of it runs); generation 1 (web 1): web-3');
  test.match(error?.hint, `see its log; to go on: wo family update 'family 900'; to go back: wo family update 'family 900' --rollback`);
});

void t.test('the steps of one that has ended stay what they were, whatever is done to its nodes later', async (test) => {
  const of = await Setting.of(test, three);
  await of.revise();
  const operation = await of.update();
  await of.look();
  const steps = async () => stepsOf(of.store.read, await row(of.store, 'operations', operation.id));
  test.same((await steps()).map(({ state }) => state), ['waiting', 'waiting', 'waiting'], 'the first waits for its agent, the others for their turn');
  await of.set(1, { phase: 'failed', lastError });
  await of.look();
  const atEnd = await steps();
  const notReached = { state: 'left', why: 'not reached: the update had ended before its turn' };
  test.match(atEnd, [{ state: 'failed', why: 'exit code 1' }, notReached, notReached]);
  await of.update();
  await of.look();
  test.not((await of.node(1)).operationId, operation.id, 'a later update has the node');
  test.same(await steps(), atEnd);
  const { outcomes: _none, ...old } = await row(of.store, 'operations', operation.id);
  test.match((await stepsOf(of.store.read, old))[0], { state: 'left', why: 'a later operation has the node, or it is no more' }, 'records without outcomes are read off the nodes');
});

void t.test('what was refused before anything was stopped runs on, and that is told', async (test) => {
  const of = await Setting.of(test, three.slice(0, 1));
  await of.revise();
  const { id } = await of.update();
  await of.look();
  await of.set(1, { phase: 'failed', lastError, pid: 4_001 });
  await of.look();
  test.match(await row(of.store, 'operations', id), { state: 'failed', error: { message: /web-1 \(failed, what ran before runs on\)/ } });
});

void t.test('asked again: the failed one is tried again, the others go on', async (test) => {
  const of = await Setting.of(test, [nodeRow(familyId, 1, { phase: 'failed', familyGeneration: 2, releaseId: second.id, lastError }), nodeRow(familyId, 2)]);
  await of.revise();
  const { plan } = await of.update();
  test.match(plan, [{ nodeName: 'web-1', reason: 'it has failed, and is tried again' }, { nodeName: 'web-2', reason: 'web 1 -> web 2' }]);
  await of.look();
  test.match(await of.node(1), { phase: 'pending', generation: 2 });
});

void t.test('what runs the same under another number is given the number, and nothing else', async (test) => {
  const of = await Setting.of(test, three);
  await of.revise({ selector: 'random' });
  const { id } = await of.update();
  test.equal(await of.phases(), 'running 2, running 2, running 2');
  test.match(await of.node(1), { generation: 1, operationId: '' }, 'its agent is told nothing');
  await of.look();
  test.match(await row(of.store, 'operations', id), { state: 'succeeded', progress: { total: 0 } });
});

void t.test('a node that ends in good order once it is updated counts as done', async (test) => {
  const of = await Setting.of(test, three.slice(0, 1));
  await of.revise();
  const { id } = await of.update();
  await of.look();
  await of.set(1, { phase: 'stopped' });
  await of.look();
  test.match(await row(of.store, 'operations', id), { state: 'succeeded', progress: { total: 1, done: 1 } });
});

void t.test('a stopped node takes it at once and stays stopped', async (test) => {
  const of = await Setting.of(test, [nodeRow(familyId, 1), nodeRow(familyId, 2, { phase: 'stopped', desired: 'stopped' })]);
  await of.revise();
  const { id } = await of.update();
  await of.look();
  test.match(await of.node(2), { phase: 'stopped', desired: 'stopped', releaseId: second.id, generation: 2 });
  test.match(await of.node(1), { phase: 'pending' }, 'nobody waits for it');
  await of.set(1, { phase: 'running' });
  await of.look();
  test.match(await row(of.store, 'operations', id), { state: 'succeeded', progress: { done: 2 } });
});

void t.test('cancelled: no further node, and the end waits for the one under way', async (test) => {
  const of = await Setting.of(test, three);
  await of.revise();
  const { id } = await of.update();
  await of.look();
  await change(of.store, 'operations', id, { state: 'cancelling' });
  await of.look();
  test.match(await row(of.store, 'operations', id), { state: 'cancelling' });
  await of.set(1, { phase: 'running' });
  await of.look();
  test.match(await row(of.store, 'operations', id), {
    state: 'cancelled', rest: /^1 of 3 nodes are updated; generation 2 \(web 2\): web-1; generation 1 \(web 1\): web-2, web-3; to go on: wo family update 'family 900'; to go back:/,
  });
  test.equal(await of.phases(), 'running 2, running 1, running 1');
  test.equal((await of.store.read.events.list({ afterSequence: 0, limit: 100 })).at(-1)?.type, 'operation.cancelled');
});

void t.test('cancelled while a node shows that it is steady: nobody waits for that any more', async (test) => {
  const of = await Setting.of(test, three);
  await of.revise();
  const { id } = await of.update({ settleMs: 600_000 });
  await of.look();
  await of.set(1, { phase: 'running' });
  await change(of.store, 'operations', id, { state: 'cancelling' });
  await of.look();
  test.match(await row(of.store, 'operations', id), { state: 'cancelled', progress: { done: 1 } });
});

void t.test('what is on a silent host comes last, and is taken when the host is back', async (test) => {
  const of = await Setting.of(test, [nodeRow(familyId, 1, { phase: 'failed', lastError }), ...three.slice(1)]);
  await change(of.store, 'hosts', idNumber('host', 1), { phase: 'lost' });
  await of.revise();
  const { id, plan } = await of.update({ maxParallel: 2 });
  test.match(plan, [{ nodeName: 'web-2', reason: 'web 1 -> web 2' }, { nodeName: 'web-3' }, { nodeName: 'web-1', reason: 'web 1 -> web 2; its host does not answer: taken when it does' }]);
  for (const number of [2, 3]) {
    await of.look();
    test.match(await of.node(number), { phase: 'pending' });
    await of.set(number, { phase: 'running' });
  }
  await of.look();
  test.match(await row(of.store, 'operations', id), { state: 'running', waiting: { reason: 'what is left waits for its hosts: web-1 is failed (its host does not answer)' } });
  await change(of.store, 'hosts', idNumber('host', 1), { phase: 'up' });
  await of.look();
  test.match(await of.node(1), { phase: 'pending', familyGeneration: 2 });
  await of.set(1, { phase: 'running' });
  await of.look();
  test.match(await row(of.store, 'operations', id), { state: 'succeeded', progress: { done: 3 }, waiting: undefined });
});

/** As somebody asks for it. */
function cancel(of: Setting, id: string): Promise<Operation> {
  return of.store.transaction(async (transaction) => cancelOperation(operationTools(of.clock), transaction, (await transaction.operations.get(id))!, 'bob'));
}

for (const [what, phase] of [['is silent', 'unknown'], ['is not done in time', 'fetching']] as const) {
  void t.test(`cancelled, and the node under way ${what}: it ends as cancelled after 2 minutes, and says what is left`, async (test) => {
    const of = await Setting.of(test, three);
    await of.revise();
    const { id } = await of.update();
    await of.look();
    await of.set(1, { phase });
    await cancel(of, id);
    test.equal(await of.look(), 120_000, 'looked at again when its time is over');
    await of.clock.advance(120_000);
    await of.look();
    test.match(await row(of.store, 'operations', id), { state: 'cancelled', error: undefined, rest: new RegExp(`^0 of 3 nodes are updated; generation 2 \\(web 2\\): web-1 \\(${phase}\\)`) });
    test.match(await of.update(), { state: 'running' }, 'and its family is free');
  });
}

void t.test('cancelled after a node has failed: cancelled, and the failure is told', async (test) => {
  const of = await Setting.of(test, three);
  await of.revise();
  const { id } = await of.update();
  await of.look();
  await cancel(of, id);
  await of.set(1, { phase: 'failed', lastError, pid: 0 });
  await of.look();
  test.match(await row(of.store, 'operations', id), { state: 'cancelled', error: undefined, rest: /web-1 \(failed, nothing of it runs\)/ });
});

void t.test('a node has to run for as long as asked before the next one', async (test) => {
  const of = await Setting.of(test, three.slice(0, 2));
  await of.revise();
  await of.update({ settleMs: 20_000 });
  await of.look();
  await of.set(1, { phase: 'running' });
  test.equal(await of.look(), 20_000, 'looked at again when it has');
  test.match(await of.node(2), { phase: 'running', familyGeneration: 1 });
  await of.clock.advance(20_000);
  await of.look();
  test.match(await of.node(2), { phase: 'pending' });
});

void t.test('whoever is late is named; each node that is taken has its time', async (test) => {
  const of = await Setting.of(test, three.slice(0, 2));
  await of.revise();
  const { id } = await of.update();
  await of.clock.advance(600_000);
  await of.look();
  await of.clock.advance(600_000);
  await of.look();
  test.match(await row(of.store, 'operations', id), { state: 'running' }, 'its time begins when it is taken');
  await of.clock.advance(300_000);
  await of.look();
  test.match(await row(of.store, 'operations', id), { state: 'failed', error: { code: 'WO_DEADLINE_EXCEEDED', message: /^0 of 2 nodes are done: web-1 is pending \(its host has not taken it yet\)/ } });
});

void t.test('members of a cluster are drained first, and the next waits until the cluster was looked at', async (test) => {
  const of = await Setting.of(test, [nodeRow(familyId, 1, member(1)), nodeRow(familyId, 2, member(2))], { strategy: 'leaving' });
  await of.revise();
  await of.update();
  await of.look();
  test.match(await of.node(1), { phase: 'draining', releaseId: first.id, draining: { then: { releaseId: second.id, familyGeneration: 2, restartGeneration: 1 } } });
  test.equal((await row(of.store, 'families', familyId)).cluster.health, 'forming');
  await of.set(1, { phase: 'running', releaseId: second.id, familyGeneration: 2 });
  await of.look();
  test.match(await of.node(2), { phase: 'running' });
  const [operation] = await of.store.read.operations.find({ kind: 'update' });
  test.match(operation?.waiting, { reason: 'whether the nodes are one cluster is looked at' });
  await change(of.store, 'families', familyId, { cluster: { health: 'split', parts: [['web-1'], ['web-2']] } });
  await of.look();
  test.match(await row(of.store, 'operations', operation!.id), { state: 'partial', error: { code: 'WO_CLUSTER_SPLIT' }, waiting: undefined });
});

const port = (name: string, number = 0) => ({ name, protocol: 'tcp' as const, number });
const ports = (number: number, ...names: string[]) => names.map((name, index) => ({ name, protocol: 'tcp' as const, number: 21_000 + 10 * number + index }));

void t.test('ports that stay keep their number, new ones get one, others are given back', async (test) => {
  const to = releaseRow({ id: second.id, version: '2', manifest: manifestOf({ ports: [port('http'), port('admin'), port('metrics', 9_100)] }) });
  const of = await Setting.of(test, [nodeRow(familyId, 1, { ports: ports(1, 'http', 'old') })], { to });
  await of.revise();
  await of.update();
  await of.look();
  const { ports: now, distributionPort } = await of.node(1);
  test.match(now, [{ name: 'http', number: 21_010 }, { name: 'admin' }, { name: 'metrics', number: 9_100 }]);
  test.not(now[1]?.number, 21_010);
  test.equal(distributionPort, 20_001, 'that of Erlang stays');
});

const hostId = idNumber('host', 1);
const fixed = releaseRow({ id: second.id, version: '2', manifest: manifestOf({ ports: [port('http', 8_080)] }) });
const refused: readonly [what: string, nodes: readonly NewObject<Node>[], to: typeof fixed, changes: Partial<FamilySpec>, expected: { code: string; message?: RegExp }][] = [
  ['two nodes of one host and a fixed port', [nodeRow(familyId, 1), nodeRow(familyId, 2, { hostId })], fixed, {}, { code: 'WO_PLACEMENT_IMPOSSIBLE', message: /web-1 and web-2 are on one host.*8080/ }],
  ['a neighbour that has it', [nodeRow(familyId, 1), nodeRow(idNumber('fam', 901), 2, { hostId, ports: [{ name: 'x', protocol: 'tcp', number: 8_080 }] })], fixed, {}, { code: 'WO_PLACEMENT_IMPOSSIBLE', message: /taken on its host by web-2/ }],
  ['a secret that the family lacks', [nodeRow(familyId, 1)], releaseRow({ id: second.id, manifest: manifestOf({ templates: ['etc/a'] }), templateTexts: { 'etc/a': '{{secret:KEY}}' } }), {}, { code: 'WO_TEMPLATE_INVALID' }],
  ['a release that is not there', [nodeRow(familyId, 1)], second, { releaseId: idNumber('rel', 999) }, { code: 'WO_NOT_FOUND' }],
];

for (const [what, nodes, to, changes, expected] of refused) {
  void t.test(`refused before anything is touched: ${what}`, async (test) => {
    const of = await Setting.of(test, nodes, { to });
    await of.revise({ releaseId: second.id, ...changes });
    await test.rejects(of.update(), expected);
    test.equal(await of.store.read.operations.count({}), 0);
  });
}

void t.test('two updates never interleave', async (test) => {
  const of = await Setting.of(test, three);
  await of.revise();
  const { id } = await of.update();
  await test.rejects(of.update(), { code: 'WO_CONFLICT', details: { operation: id } });
});

void t.test('what cannot be taken any more ends it', async (test) => {
  const of = await Setting.of(test, three);
  await of.revise();
  const { id } = await of.update();
  await of.store.transaction((transaction) => transaction.releases.delete(second.id));
  await of.look();
  test.match(await row(of.store, 'operations', id), { state: 'failed', error: { code: 'WO_NOT_FOUND' } });
  test.equal(await of.phases(), 'running 1, running 1, running 1');
});
