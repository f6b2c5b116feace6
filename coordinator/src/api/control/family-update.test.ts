import t, { type Test } from 'tap';
import type { ProviderPlugin } from '@wombat/plugin-sdk';
import type {
  ListFamilyRevisionsRequest, ListFamilyRevisionsResponse, RemoveFamilyRequest, RemoveFamilyResponse, SetEnvironmentRequest, SetEnvironmentResponse, UpdateFamilyRequest, UpdateFamilyResponse,
} from '@wombat/proto/control';
import { ManualClock } from '../../fleet/testing/manual-clock.js';
import { unary } from '../../testing/calls.js';
import { CountingIds, idNumber } from '../../testing/counting-ids.js';
import { FakeProviders } from '../../testing/fake-providers.js';
import { fakeSecrets } from '../../testing/fake-secrets.js';
import { FakeFleet } from '../../testing/fake-fleet.js';
import { operationTools } from '../../testing/operation-tools.js';
import { FakeStrategies } from '../../testing/fake-strategies.js';
import { familyRow, hostRow, nodeRow, releaseRow } from '../../testing/rows.js';
import { change, openTestStore, put, row } from '../../testing/test-store.js';
import { OperationController } from '../../engine/operation-controller.js';
import { Turns } from '../../engine/operations/turns.js';
import { familyService } from './family-service.js';

const familyId = familyRow().id;
const family = 'family 900';
const [one, two] = [releaseRow({ name: 'web1', version: '1' }), releaseRow({ id: idNumber('rel', 901), name: 'web2', version: '2' })];
const dryRun = { requestId: '', expectedRevision: 0n, dryRun: true };

async function setting(test: Test, keepRevisions = 10) {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  const ids = new CountingIds();
  const tools = operationTools(clock, ids, keepRevisions);
  const drivers = { driver: () => ({ abilities: {} }) as ProviderPlugin, providers: () => [] };
  const service = familyService({ store, clock, ids, secrets: fakeSecrets, strategies: new FakeStrategies(), directory: new FakeProviders(), drivers, fleet: new FakeFleet(), operations: tools });
  await put(store, 'releases', one, two);
  await put(store, 'families', familyRow({}, { releaseId: one.id, environment: { A: '1' }, sealedSecrets: { KEY: fakeSecrets.seal(`${familyId}/KEY`, Buffer.from('canary')) } }));
  await put(store, 'hosts', hostRow(1), hostRow(2));
  await put(store, 'nodes', nodeRow(familyId, 1), nodeRow(familyId, 2));
  const update = unary<UpdateFamilyRequest, UpdateFamilyResponse>(service, 'updateFamily');
  return {
    store,
    clock,
    tools,
    update,
    /** As if the update had come to its end, on so many nodes. */
    async updated(request: Partial<UpdateFamilyRequest>, nodes: readonly number[] = [1, 2]): Promise<void> {
      const { operation } = await update({ family, ...request });
      const { spec, generation } = await row(store, 'families', familyId);
      for (const number of nodes) await change(store, 'nodes', idNumber('node', number), { familyGeneration: generation, releaseId: spec.releaseId! });
      await change(store, 'operations', operation!.metadata!.id, { state: 'succeeded', finishedAt: 1 });
    },
    environment: unary<SetEnvironmentRequest, SetEnvironmentResponse>(service, 'setEnvironment'),
    revisions: async () => (await unary<ListFamilyRevisionsRequest, ListFamilyRevisionsResponse>(service, 'listFamilyRevisions')({ family })).revisions,
    remove: unary<RemoveFamilyRequest, RemoveFamilyResponse>(service, 'removeFamily'),
    family: () => row(store, 'families', familyId),
  };
}

void t.test('one call changes the family and asks for its nodes', async (test) => {
  const { update, family: stored } = await setting(test);
  const { operation } = await update({ family, release: 'web2', environment: { B: '2' }, secrets: { OTHER: 'canary' }, unset: ['A'], restart: { mode: 0, tries: 3, interval: undefined, delay: undefined }, maxParallel: 2 });
  test.match(operation, { principal: /./, plan: [{ nodeName: 'web-1', reason: 'web1 1 -> web2 2, restart, variable A taken away, variable B, secret OTHER' }, { nodeName: 'web-2' }], progress: { total: 2 } });
  test.match(await stored(), { generation: 2, spec: { releaseId: two.id, environment: { B: '2' }, restart: { tries: 3, delayMs: 1_000 } } });
  await test.rejects(update({ family }), { code: 'WO_CONFLICT', message: new RegExp(operation!.metadata!.id) });
  test.equal((await stored()).generation, 2, 'what was refused changes nothing');
});

void t.test('with nothing said, nodes are brought to what the family says already', async (test) => {
  const { update, environment, family: stored } = await setting(test);
  await environment({ family, environment: { A: '2' } });
  const { operation } = await update({ family });
  test.match(operation?.plan, [{ nodeName: 'web-1', reason: 'variable A' }, { nodeName: 'web-2' }]);
  test.equal((await stored()).generation, 2, 'no new generation for it');
});

void t.test('a dry run shows the plan and stores nothing', async (test) => {
  const { store, update, family: stored } = await setting(test);
  const before = await stored();
  const { operation } = await update({ family, release: 'web2', mutation: dryRun });
  test.equal(operation?.plan.length, 2);
  test.same(await stored(), before);
  test.equal(await store.read.operations.count({}), 0);
});

void t.test('with a wait it is queued behind what holds the family, which is changed when its turn comes', async (test) => {
  const { store, clock, tools, update, environment, family: stored } = await setting(test);
  const { operation: first } = await update({ family, release: 'web2' });
  const { operation } = await update({ family, environment: { B: '2' }, secrets: { OTHER: 'canary' }, restart: { mode: 0, tries: 3, interval: undefined, delay: undefined }, wait: { seconds: 60n, nanos: 0 } as never });
  const id = operation!.metadata!.id;
  test.match(await row(store, 'operations', id), { state: 'waiting', kind: 'update', name: 'update family 900', familyId });
  test.match((await row(store, 'operations', id)).wish, { change: { environment: { sealedSecrets: { OTHER: fakeSecrets.seal(`${familyId}/OTHER`, Buffer.from('canary')) } } } }, 'its secrets are sealed');
  test.match(await stored(), { generation: 2, spec: { environment: { A: '1' } } }, 'nothing is changed yet');
  await environment({ family, unset: ['A'] });
  await change(store, 'operations', first!.metadata!.id, { state: 'succeeded', finishedAt: 1 });
  await new OperationController(store, clock, new Turns(store, tools)).reconcile(id);
  const { spec, generation } = await stored();
  test.match(spec, { releaseId: two.id, environment: { B: '2' }, restart: { tries: 3, delayMs: 1_000 } });
  test.notOk(Object.hasOwn(spec.environment, 'A'), 'what was changed meanwhile stays so');
  test.equal(Buffer.from(fakeSecrets.open(`${familyId}/OTHER`, spec.sealedSecrets['OTHER']!)).toString(), 'canary');
  test.match(await row(store, 'operations', id), { state: 'running', name: 'update 2 of family 900', progress: { total: 2 }, update: { familyGeneration: generation }, wish: undefined, deadline: clock.now() + 15 * 60_000 });
});

void t.test('a rollback that waits goes back from what is then, and fails where there is nothing to go back to', async (test) => {
  const { store, tools, update, family: stored } = await setting(test);
  const { operation: first } = await update({ family, release: 'web2' });
  const { operation } = await update({ family, rollback: true, toGeneration: 7n, wait: { seconds: 60n, nanos: 0 } as never });
  await change(store, 'operations', first!.metadata!.id, { state: 'succeeded', finishedAt: 1 });
  await new Turns(store, tools).look(operation!.metadata!.id);
  test.match(await row(store, 'operations', operation!.metadata!.id), { state: 'failed', error: { code: 'WO_NOT_FOUND' } });
  test.equal((await stored()).generation, 2);
});

void t.test('a rollback takes release, environment and secrets of the revision before, and a second one goes further back', async (test) => {
  const of = await setting(test);
  await of.updated({ release: 'web2', environment: { A: '2' }, unset: ['KEY'] });
  await of.updated({ environment: { A: '3' } });
  await of.updated({ rollback: true });
  test.match(await of.family(), { generation: 4, spec: { releaseId: two.id, environment: { A: '2' } }, origin: { backTo: 2 } });
  const { operation } = await of.update({ family, rollback: true, mutation: dryRun });
  test.match(operation?.plan, [{ reason: 'web2 2 -> web1 1, variable A, secret KEY' }, {}]);
  await of.updated({ rollback: true });
  const { spec } = await of.family();
  test.match(spec, { releaseId: one.id, environment: { A: '1' } });
  test.equal(Buffer.from(fakeSecrets.open(`${familyId}/KEY`, spec.sealedSecrets['KEY']!)).toString(), 'canary', 'with the secret that was taken away');
  await test.rejects(of.update({ family, rollback: true }), { code: 'WO_NOT_FOUND', hint: /wo family revisions/ });
  await of.updated({ rollback: true, toGeneration: 3n });
  test.match((await of.family()).spec, { environment: { A: '3' } });
});

void t.test('a rollback after half an update touches only those that had gone over', async (test) => {
  const of = await setting(test);
  await of.updated({ release: 'web2' }, [1]);
  const { operation } = await of.update({ family, rollback: true });
  test.match(operation?.plan, [{ nodeName: 'web-1' }]);
  test.match(await row(of.store, 'nodes', idNumber('node', 2)), { generation: 1, familyGeneration: 3, operationId: '' }, 'the other runs it already');
});

const refused: readonly [what: string, request: Partial<UpdateFamilyRequest>, code: string][] = [
  ['a rollback with a change', { rollback: true, environment: { A: '1' } }, 'WO_INVALID_ARGUMENT'],
  ['a generation without a rollback', { toGeneration: 1n }, 'WO_INVALID_ARGUMENT'],
  ['a rollback where there is nothing before', { rollback: true }, 'WO_NOT_FOUND'],
  ['a generation that is not kept', { rollback: true, toGeneration: 7n }, 'WO_NOT_FOUND'],
  ['a release that is not there', { release: 'nope' }, 'WO_NOT_FOUND'],
  ['a variable that is not there', { unset: ['NOPE'] }, 'WO_NOT_FOUND'],
  ['a time in the past', { timeout: { seconds: -1n, nanos: 0 } as never }, 'WO_INVALID_ARGUMENT'],
];

void t.test('what makes no sense is refused, and nothing is changed', async (test) => {
  const { update, family: stored } = await setting(test);
  const before = await stored();
  for (const [what, request, code] of refused) await test.rejects(update({ family, ...request }), { code }, what);
  test.same(await stored(), before);
});

void t.test('revisions are told with who made them, what changed and who runs them; of secrets, names alone', async (test) => {
  const of = await setting(test);
  await of.updated({ release: 'web2', secrets: { KEY: 'canary-2' } }, [1]);
  const revisions = await of.revisions();
  test.match(revisions, [
    { generation: 2n, principal: /./, releaseTitle: 'web2 2', changes: ['release', 'secret KEY'], current: true, nodeCount: 1, nodes: ['web-1'], secretNames: ['KEY'] },
    { generation: 1n, principal: '', releaseTitle: 'web1 1', changes: [], current: false, nodeCount: 1, nodes: ['web-2'], environment: { A: '1' } },
  ]);
  test.notMatch(JSON.stringify(revisions, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)), /canary|sealed/);
});

void t.test('the last few are kept, and those that nodes run; with the family all go', async (test) => {
  const of = await setting(test, 2);
  for (const value of ['2', '3', '4', '5']) await of.environment({ family, environment: { A: value } });
  const kept = async () => (await of.store.read.familyRevisions.ids({})).sort();
  test.same(await kept(), [1, 3, 4].map((generation) => `${familyId}/${generation}`), 'nodes run the first');
  for (const number of [1, 2]) await change(of.store, 'nodes', idNumber('node', number), { phase: 'gone', desired: 'absent' });
  await of.environment({ family, environment: { A: '6' } });
  test.same(await kept(), [4, 5].map((generation) => `${familyId}/${generation}`));
  await of.remove({ family });
  test.same(await kept(), []);
});
