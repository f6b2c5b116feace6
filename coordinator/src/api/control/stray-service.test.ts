import t, { type Test } from 'tap';
import { WombatError } from '@wombat/proto';
import { StrayKind, type ListStraysRequest, type ListStraysResponse, type RemoveStraysRequest, type RemoveStraysResponse } from '@wombat/proto/control';
import type { Stray } from '../../domain/model/stray.js';
import { ManualClock } from '../../fleet/testing/manual-clock.js';
import type { NewObject } from '../../store/store.js';
import { unary } from '../../testing/calls.js';
import { idNumber } from '../../testing/counting-ids.js';
import { hostRow, providerRow } from '../../testing/rows.js';
import { openTestStore, put, row } from '../../testing/test-store.js';
import { strayService } from './stray-service.js';

const [cloud, other] = [providerRow(), providerRow({ id: idNumber('prv', 901), name: 'other' })];

function strayRow(number: number, fields: Partial<NewObject<Stray>> = {}): NewObject<Stray> {
  return {
    id: idNumber('stray', number), name: `orphan machine-${number}`, generation: 1, observedGeneration: 1, kind: 'orphan', providerId: cloud.id,
    machineId: `machine-${number}`, key: hostRow(number).id, hostId: hostRow(number).id, reason: 'its host is gone', ...fields,
  };
}

async function setting(test: Test, sweep: (providerId: string) => Promise<void> = async () => undefined) {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  await put(store, 'providers', cloud, other);
  await put(store, 'hosts', hostRow(1, { phase: 'gone' }));
  await put(store, 'strays', strayRow(1), strayRow(2, { kind: 'ghost', providerId: other.id }));
  const swept: string[] = [];
  const service = strayService({ store, clock, sweep: {
    sweep: async ({ id, name }) => {
      swept.push(name);
      await sweep(id);
    },
  } });
  return { store, swept, list: unary<ListStraysRequest, ListStraysResponse>(service, 'listStrays'), remove: unary<RemoveStraysRequest, RemoveStraysResponse>(service, 'removeStrays') };
}

void t.test('strays are listed with the names of what they belong to', async (test) => {
  const { list, swept } = await setting(test);
  const { strays } = await list({});
  test.match(strays, [{ kind: StrayKind.ORPHAN, providerName: 'cloud', machineId: 'machine-1', hostName: 'cloud-1', reason: 'its host is gone' }, { kind: StrayKind.GHOST }]);
  test.same(swept, [], 'no provider is asked when that was not asked for');
  test.match((await list({ page: { filter: 'provider=other', pageSize: 0, pageToken: '', orderBy: '' }, refresh: true })).strays, [{ kind: StrayKind.GHOST }]);
  test.same(swept, ['other'], 'and only those that are asked for');
});

void t.test('a provider that cannot be asked does not hide what is known of it, nor the others', async (test) => {
  const { list } = await setting(test, async (providerId) => {
    if (providerId === other.id) throw new WombatError('WO_PROVIDER_AUTH', 'the key is refused');
  });
  const answer = await list({ refresh: true });
  test.equal(answer.strays.length, 2);
  test.match(answer.unreadable, [{ providerName: 'other', error: { code: 'WO_PROVIDER_AUTH' } }]);
});

void t.test('removal is an intent, carried out by a sweep; what remains says why', async (test) => {
  const { store, remove, swept } = await setting(test, async (providerId) => {
    test.match(await row(store, 'strays', strayRow(1).id), { removal: { by: 'ada' } }, 'written before anything is done');
    if (providerId === cloud.id) await store.transaction((transaction) => transaction.strays.delete(strayRow(1).id));
    else throw new WombatError('WO_PROVIDER_UNAVAILABLE', 'no answer');
  });
  const answer = await remove({ strays: [strayRow(1).id, strayRow(2).id] });
  test.same(swept.sort(), ['cloud', 'other']);
  test.match(answer.remaining, [{ machineId: 'machine-2', lastError: { code: 'WO_PROVIDER_UNAVAILABLE' } }]);
});

void t.test('a dry run and what is refused mark nothing', async (test) => {
  const { store, remove, swept } = await setting(test);
  await remove({ strays: [strayRow(1).id], mutation: { requestId: '', expectedRevision: 0n, dryRun: true } });
  await test.rejects(remove({ strays: [strayRow(1).id, 'stray-zzzzzzzzzzzz'] }), { code: 'WO_NOT_FOUND', hint: /wo gc --plan/ });
  await test.rejects(remove({ strays: [] }), { code: 'WO_INVALID_ARGUMENT' });
  test.notOk((await row(store, 'strays', strayRow(1).id)).removal);
  test.same(swept, []);
});
