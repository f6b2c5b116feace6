import t, { type Test } from 'tap';
import { OperationState, type CancelOperationRequest, type CancelOperationResponse, type ListOperationsRequest, type ListOperationsResponse, type WatchOperationRequest, type WatchOperationResponse } from '@wombat/proto/control';
import type { Operation } from '../../domain/model/operation.js';
import { nodeEvent, operationEvent } from '../../engine/events.js';
import { ManualClock, settle } from '../../fleet/testing/manual-clock.js';
import type { NewObject, Store } from '../../store/store.js';
import { serverStream, unary } from '../../testing/calls.js';
import { idNumber } from '../../testing/counting-ids.js';
import { familyRow, nodeRow, operationRow } from '../../testing/rows.js';
import { operationTools } from '../../testing/operation-tools.js';
import { change, eventsAfter, openTestStore, put, row } from '../../testing/test-store.js';
import type { Service } from '../service.js';
import { operationService } from './operation-service.js';

const id = idNumber('op', 900);

async function setting(test: Test, fields: Partial<NewObject<Operation>> = {}): Promise<{ store: Store; service: Service; clock: ManualClock }> {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  await put(store, 'families', familyRow());
  await put(store, 'nodes', nodeRow(familyRow().id, 1, { operationId: id }));
  await put(store, 'operations', operationRow({ familyId: familyRow().id, ...fields }));
  return { store, clock, service: operationService({ store, operations: operationTools(clock) }) };
}

async function nodeMoves(store: Store, what: string): Promise<void> {
  const node = await row(store, 'nodes', idNumber('node', 1));
  await store.transaction((transaction) => transaction.events.append(nodeEvent(node, what, 'r', 'm')));
}

async function finish(store: Store): Promise<void> {
  await store.transaction(async (transaction) => {
    const operation = await transaction.operations.get(id);
    const finished = await transaction.operations.update({ ...operation!, state: 'succeeded', finishedAt: 7, progress: { total: 1, done: 1, failed: 0 } });
    await transaction.events.append(operationEvent(finished, 'operation.finished', 'done'));
  });
}

/** "event TYPE" and "STATE done/total", as a person would see them. */
async function watched(answers: AsyncIterable<WatchOperationResponse>, into: string[] = []): Promise<string[]> {
  for await (const { kind } of answers) {
    if (kind?.$case === 'event') into.push(`event ${kind.value.type}`);
    if (kind?.$case === 'operation') into.push(`${OperationState[kind.value.state]} ${kind.value.progress?.done}/${kind.value.progress?.total}`);
  }
  return into;
}

void t.test('watching an operation that runs: its events as they come, to its end', async (test) => {
  const { store, service } = await setting(test);
  await nodeMoves(store, 'node.before');
  const watch = serverStream<WatchOperationRequest, WatchOperationResponse>(service, 'watchOperation');
  const seen: string[] = [];
  const watching = watched(watch({ operation: id }), seen);
  while (seen.length < 2) await settle();
  test.same(seen, ['RUNNING 0/1', 'event node.before'], 'what was before is told first');
  await change(store, 'operations', id, { progress: { total: 2, done: 1, failed: 0 } });
  await nodeMoves(store, 'node.now');
  await store.transaction((transaction) => transaction.events.append({ type: 'stranger', subjectId: 's', subjectName: 's', reason: 'r', message: 'm' }));
  await finish(store);
  test.same(await watching, ['RUNNING 0/1', 'event node.before', 'event node.now', 'RUNNING 1/2', 'event operation.finished', 'SUCCEEDED 1/1'], 'and the stream ends by itself');
});

void t.test('watching one that has ended: its events again, and the end', async (test) => {
  const { store, service } = await setting(test);
  await nodeMoves(store, 'node.one');
  await nodeMoves(store, 'node.two');
  await finish(store);
  const watch = serverStream<WatchOperationRequest, WatchOperationResponse>(service, 'watchOperation');
  test.same(await watched(watch({ operation: id })), ['SUCCEEDED 1/1', 'event node.one', 'event node.two', 'event operation.finished', 'SUCCEEDED 1/1']);
  test.same(await watched(watch({ operation: id, afterSequence: 2n })), ['SUCCEEDED 1/1', 'event operation.finished', 'SUCCEEDED 1/1'], 'from where somebody has been already');
});

void t.test('a watcher that leaves is not waited for', async (test) => {
  const { service } = await setting(test);
  const stop = new AbortController();
  const watching = watched(serverStream<WatchOperationRequest, WatchOperationResponse>(service, 'watchOperation')({ operation: id }, stop.signal));
  await settle();
  stop.abort();
  test.same(await watching, ['RUNNING 0/1']);
});

void t.test('cancelling is asked for once, however often', async (test) => {
  const { store, service, clock } = await setting(test);
  const cancel = unary<CancelOperationRequest, CancelOperationResponse>(service, 'cancelOperation');
  const dry = await cancel({ operation: id, mutation: { requestId: '', expectedRevision: 0n, dryRun: true } });
  test.equal(dry.operation?.state, OperationState.CANCELLING);
  test.equal((await row(store, 'operations', id)).state, 'running', 'a dry run changes nothing');
  await cancel({ operation: id });
  test.match(await row(store, 'operations', id), { state: 'cancelling', cancelledBy: 'ada', deadline: clock.now() + 120_000 });
  const told = await eventsAfter(store);
  const again = await cancel({ operation: id });
  test.equal(again.operation?.state, OperationState.CANCELLING, 'no error');
  test.same(await eventsAfter(store), told, 'and nothing happens twice');
  await change(store, 'operations', id, { state: 'cancelled', finishedAt: 1 });
  test.equal((await cancel({ operation: id })).operation?.state, OperationState.CANCELLED, 'also when it is over');
  await change(store, 'operations', id, { state: 'succeeded' });
  await test.rejects(cancel({ operation: id }), { code: 'WO_OPERATION_FINISHED', message: /succeeded/ });
});

void t.test('a caller who has seen an older revision is told, one who has not looked is not', async (test) => {
  const { store, service } = await setting(test);
  await change(store, 'operations', id, { progress: { total: 5, done: 1, failed: 0 } });
  const cancel = unary<CancelOperationRequest, CancelOperationResponse>(service, 'cancelOperation');
  await test.rejects(cancel({ operation: id, mutation: { requestId: '', expectedRevision: 1n, dryRun: false } }), { code: 'WO_CONFLICT', details: { id, revision: '2' } });
  await cancel({ operation: id, mutation: { requestId: '', expectedRevision: 2n, dryRun: false } });
  test.equal((await row(store, 'operations', id)).state, 'cancelling');
});

void t.test('operations are listed by family and state', async (test) => {
  const { store, service } = await setting(test);
  await put(store, 'operations', operationRow({ id: idNumber('op', 901), state: 'succeeded' }));
  const list = unary<ListOperationsRequest, ListOperationsResponse>(service, 'listOperations');
  const ids = async (filter: string): Promise<(string | undefined)[]> => (await list({ page: { pageSize: 0, pageToken: '', filter, orderBy: '' } })).operations.map((operation) => operation.metadata?.id);
  test.same(await ids('family=family 900'), [id]);
  test.same(await ids('state=succeeded'), [idNumber('op', 901)]);
});
