import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { ManualClock } from '../fleet/testing/manual-clock.js';
import type { Kind, Store } from '../store/store.js';
import { idNumber } from '../testing/counting-ids.js';
import { LogBook } from '../testing/log-book.js';
import { hostRow, nodeRow, operationRow } from '../testing/rows.js';
import { openTestStore, put } from '../testing/test-store.js';
import { HistoryRetention } from './history-retention.js';

const dayMs = 24 * 60 * 60 * 1000;
const base = { generation: 1, observedGeneration: 1 };
const family = 'fam-aaaaaaaaaaaa';

async function setting(test: Test) {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  const log = new LogBook();
  return { clock, store, retention: new HistoryRetention({ store, clock, log, keepMs: 30 * dayMs }) };
}

const names = async (store: Store, kind: Kind): Promise<string[]> => (await store.read[kind].find({})).map(({ name }) => name).sort();

void t.test('operations go unless something present names them', async (test) => {
  const { clock, store, retention } = await setting(test);
  const of = (number: number, state: 'succeeded' | 'running') => operationRow({ id: idNumber('op', number), name: `op ${number}`, state });
  await put(store, 'operations', of(1, 'succeeded'), of(2, 'running'), of(3, 'succeeded'), of(4, 'succeeded'));
  await put(store, 'nodes', nodeRow(family, 1, { operationId: idNumber('op', 3) }));
  await put(store, 'hosts', hostRow(1, { operationId: idNumber('op', 4) }));
  await clock.advance(31 * dayMs);
  await retention.prune();
  test.same(await names(store, 'operations'), ['op 2', 'op 3', 'op 4'], 'one that runs, one of a node, one of a host');
});

void t.test('a thousand that stay do not hide one that goes', async (test) => {
  const { clock, store, retention } = await setting(test);
  const operations = Array.from({ length: 300 }, (_, index) => operationRow({ id: idNumber('op', index + 1), name: `op ${index + 1}`, state: 'succeeded' }));
  await put(store, 'operations', ...operations);
  await put(store, 'nodes', ...operations.slice(0, 299).map(({ id }, index) => nodeRow(family, index + 1, { operationId: id })));
  await clock.advance(31 * dayMs);
  await retention.prune();
  test.equal(await store.read.operations.count({}), 299, 'the last one alone');
  test.equal(await store.read.operations.get(idNumber('op', 300)), undefined, 'and it is the one that nothing names');
});

void t.test('gone nodes and hosts go, a host after what belongs to it', async (test) => {
  const { clock, store, retention } = await setting(test);
  await put(store, 'nodes', nodeRow(family, 1, { phase: 'gone' }), nodeRow(family, 2), nodeRow(family, 3, { phase: 'gone' }));
  await put(store, 'hosts', hostRow(1, { phase: 'gone' }), hostRow(2), hostRow(3, { phase: 'gone' }));
  const certificate = (name: string, number: number, notAfter: number) => ({ ...base, id: name, name, hostId: idNumber('host', number), notAfter });
  await put(store, 'hostCertificates', certificate('ended', 1, clock.now()), certificate('good', 3, clock.now() + 40 * dayMs));
  const token = (name: string, number: number, expiresAt: number) => ({ ...base, id: name, name, hostId: idNumber('host', number), secretHash: '', expiresAt });
  await put(store, 'joinTokens', token('expired', 1, clock.now()), token('valid', 2, clock.now() + 40 * dayMs));
  await clock.advance(31 * dayMs);
  await retention.prune();
  test.same(await names(store, 'nodes'), ['web-2'], 'nodes');
  test.same([await names(store, 'hostCertificates'), await names(store, 'joinTokens')], [['good'], ['valid']], 'certificates and tokens');
  test.same((await store.read.hosts.find({})).map(({ id }) => id), [idNumber('host', 2), idNumber('host', 3)], 'a host that still has a certificate stays');
});

void t.test('remembered requests go when their day is over, and the sweep comes by itself', async (test) => {
  const { clock, store, retention } = await setting(test);
  const record = (key: string, expiresAt: number) => store.transaction((transaction) => transaction.requests.put({ key, requestHash: '', expiresAt }));
  for (let number = 0; number < 250; number += 1) await record(`old ${number}`, clock.now() + 1_000);
  await record('new', clock.now() + dayMs);
  retention.start();
  await clock.advance(11 * 60_000);
  while (await store.read.requests.get('old 249')) {
    await clock.advance(60_000);
    // The store answers at once: without this nothing else would have its turn.
    await setImmediate();
  }
  await retention.stop();
  test.equal(await store.read.requests.get('old 0'), undefined, 'all that are over');
  test.ok(await store.read.requests.get('new'), 'not the others');
});
