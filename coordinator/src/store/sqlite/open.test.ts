import { chmodSync, statSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import path from 'node:path';
import { Sqlite } from './driver.js';
import t, { type Test } from 'tap';
import { systemClock, WombatError } from '@wombat/proto';
import type { Manifest } from '../../domain/model/release.js';
import { familyRow, manifestOf, nodeRow, releaseRow } from '../../testing/rows.js';
import type { Commit, Store } from '../store.js';
import { openSqliteStore } from './open.js';

const provider = (id: string, name: string) => ({
  id, name, generation: 1, observedGeneration: 0, driver: 'local', settings: { a: 1 }, sealedSecrets: {}, identity: '',
});

/** Takes back what the fifth migration adds, so that an older schema stands there. */
const withoutCountedFields = [
  'drop index nodes_status; drop index job_targets_status; drop index nodes_revision; drop index nodes_release_id;',
  'alter table nodes drop column family_generation; alter table nodes drop column release_id;',
  'alter table nodes drop column desired; alter table job_targets drop column outcome;',
  ...['operations', 'jobs', 'join_tokens', 'host_certificates', 'nodes', 'hosts'].map((table) => `drop index ${table}_updated_at;`),
].join(' ');

async function opened(test: Test): Promise<{ store: Store; file: string }> {
  const file = path.join(test.testdir(), 'wombat.db');
  const store = await openSqliteStore({ file, clock: systemClock });
  test.teardown(() => store.close());
  return { store, file };
}

void t.test('an object comes back as it was written, in this and in the next process', async (test) => {
  const { store, file } = await opened(test);
  const written = await store.transaction((transaction) => transaction.providers.insert(provider('prv-aaaaaaaaaaaa', 'first')));
  test.equal(written.revision, 1, 'a new object has revision 1');
  test.same(await store.read.providers.get('prv-aaaaaaaaaaaa'), written, 'read back');
  const again = await openSqliteStore({ file, clock: systemClock });
  test.same(await again.read.providers.get('prv-aaaaaaaaaaaa'), written, 'read back by a second store');
  await again.close();
});

void t.test('an update needs the revision it has seen', async (test) => {
  const { store } = await opened(test);
  const first = await store.transaction((transaction) => transaction.providers.insert(provider('prv-aaaaaaaaaaaa', 'first')));
  const second = await store.transaction((transaction) => transaction.providers.update({ ...first, identity: 'me' }));
  test.equal(second.revision, 2, 'the revision grows');
  const stale = store.transaction((transaction) => transaction.providers.update({ ...first, identity: 'other' }));
  await test.rejects(stale, { code: 'WO_CONFLICT' }, 'a stale revision is refused');
  test.equal((await store.read.providers.get(first.id))?.identity, 'me', 'and nothing was written');
});

void t.test('names are unique where they must be', async (test) => {
  const { store } = await opened(test);
  await store.transaction((transaction) => transaction.providers.insert(provider('prv-aaaaaaaaaaaa', 'first')));
  const twice = store.transaction((transaction) => transaction.providers.insert(provider('prv-bbbbbbbbbbbb', 'first')));
  await test.rejects(twice, { code: 'WO_NAME_TAKEN', details: { name: 'first' } });
});

void t.test('a transaction that throws leaves nothing: no object, no event, no number', async (test) => {
  const { store } = await opened(test);
  const commits: Commit[] = [];
  store.onCommit((commit) => commits.push(commit));
  const failing = store.transaction(async (transaction) => {
    await transaction.providers.insert(provider('prv-aaaaaaaaaaaa', 'first'));
    await transaction.events.append({ type: 'x', subjectId: 's', subjectName: 's', reason: 'r', message: 'm' });
    throw new WombatError('WO_CONFLICT', 'on purpose');
  });
  await test.rejects(failing, { code: 'WO_CONFLICT' });
  test.same(commits, [], 'nobody is told of it');
  test.equal(await store.read.providers.count({}), 0);
  await store.transaction((transaction) => transaction.events.append({ type: 'y', subjectId: 's', subjectName: 's', reason: 'r', message: 'm' }));
  test.same((await store.read.events.list({ afterSequence: 0, limit: 10 })).map((event) => [event.sequence, event.type]), [[1, 'y']], 'the sequence has no gap');
});

void t.test('events are numbered in order and filtered by what they are about', async (test) => {
  const { store } = await opened(test);
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      store.transaction((transaction) =>
        transaction.events.append({ type: index % 2 ? 'node.phase' : 'host.phase', subjectId: `${index}`, subjectName: '', reason: '', message: '', nodeId: index % 2 ? 'n' : '' }),
      ),
    ),
  );
  const all = await store.read.events.list({ afterSequence: 0, limit: 100 });
  test.same(all.map((event) => event.sequence), Array.from({ length: 20 }, (_, index) => index + 1), 'gapless');
  test.equal((await store.read.events.list({ afterSequence: 0, limit: 100, nodeId: 'n' })).length, 10);
  test.equal((await store.read.events.list({ afterSequence: 0, limit: 100, typePrefix: 'host.' })).length, 10);
  const newest = await store.read.events.list({ afterSequence: 0, limit: 3, newest: true });
  test.same(newest.map((event) => event.sequence), [18, 19, 20], 'the newest, in their order');
  test.equal(await store.read.events.lastSequence(), 20);
});

void t.test('events are dropped from the oldest on, in portions', async (test) => {
  const { store } = await opened(test);
  const event = { type: 'x', subjectId: 's', subjectName: 's', reason: 'r', message: 'm' };
  await store.transaction((transaction) => transaction.events.append(...Array.from({ length: 10 }, () => event)));
  test.equal(await store.transaction((transaction) => transaction.events.drop(7, 5)), 5, 'no more than the portion');
  test.equal(await store.transaction((transaction) => transaction.events.drop(7, 5)), 2, 'then the rest');
  test.equal(await store.read.events.oldestKept(), 8);
  await store.transaction((transaction) => transaction.events.append(event));
  test.equal(await store.read.events.lastSequence(), 11, 'numbers are never given twice');
});

void t.test('pages cover everything once, in both orders', async (test) => {
  const { store } = await opened(test);
  const objects = Array.from({ length: 25 }, (_, index) => provider(`prv-${'abcdefghijklmnopqrstuvwxyz'[index]!.repeat(12)}`, `name ${25 - index}`));
  await store.transaction((transaction) => transaction.providers.insertAll(objects));
  for (const orderBy of ['createdAt', 'name'] as const) {
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await store.read.providers.page({ pageSize: 7, orderBy, ...(pageToken ? { pageToken } : {}) });
      seen.push(...page.items.map((item) => item.id));
      pageToken = page.nextPageToken;
    } while (pageToken);
    test.same([...new Set(seen)].length, 25, `every object once, by ${orderBy}`);
    test.equal(seen.length, 25, `no object twice, by ${orderBy}`);
  }
  await test.rejects(store.read.providers.page({ pageSize: 7, pageToken: 'forged' }), { code: 'WO_INVALID_ARGUMENT' });
});

void t.test('a commit tells what was written last', async (test) => {
  const { store } = await opened(test);
  const commits: Commit[] = [];
  store.onCommit((commit) => commits.push(commit));
  await store.transaction(async (transaction) => {
    const first = await transaction.providers.insert(provider('prv-aaaaaaaaaaaa', 'first'));
    await transaction.providers.update({ ...first, identity: 'later' });
  });
  test.match(commits, [{ changes: [{ kind: 'providers', id: 'prv-aaaaaaaaaaaa', object: { identity: 'later' } }], events: [] }]);
});

void t.test('a release that the first schema has written says what it did not say then', async (test) => {
  const { store, file } = await opened(test);
  const { commands: _c, limits: _l, needs: _n, runAs: _r, dataDirectory: _d, ...then } = manifestOf({ start: 'bin/old', nodeName: 'old' });
  await store.transaction((transaction) => transaction.releases.insert(releaseRow({ manifest: then as Manifest })));
  const raw = new Sqlite(file);
  raw.exec(`${withoutCountedFields} delete from migrations where version >= 4`);
  raw.close();
  const again = await openSqliteStore({ file, clock: systemClock });
  test.teardown(() => again.close());
  const [release] = await again.read.releases.find({});
  test.same(release?.manifest, manifestOf({ start: 'bin/old', nodeName: 'old' }));
});

void t.test('a store of a newer version is refused', async (test) => {
  const { store, file } = await opened(test);
  test.ok(store);
  const raw = new Sqlite(file);
  raw.prepare('insert into migrations values (99, 0)').run();
  raw.close();
  await test.rejects(openSqliteStore({ file, clock: systemClock }), { code: 'WO_STORE_NEWER' });
});

void t.test('a directory that cannot be written is refused', async (test) => {
  const file = path.join(test.testdir({ blocked: 'a file where a folder should be' }), 'blocked', 'wombat.db');
  await test.rejects(openSqliteStore({ file, clock: systemClock }), { code: 'WO_STORE_UNUSABLE' });
});

void t.test('nobody else may read the store, also one that an older version has made', async (test) => {
  const { store, file } = await opened(test);
  await store.transaction((transaction) => transaction.providers.insert(provider('prv-aaaaaaaaaaaa', 'first')));
  const modes = (): string[] => [file, `${file}-wal`, `${file}-shm`].map((name) => (statSync(name).mode & 0o777).toString(8));
  test.same(modes(), ['600', '600', '600']);
  await store.close();
  chmodSync(file, 0o644);
  const again = await openSqliteStore({ file, clock: systemClock });
  test.same(modes(), ['600', '600', '600']);
  await again.close();
});

void t.test('ids are those of the objects that would be found', async (test) => {
  const { store } = await opened(test);
  await store.transaction((transaction) => transaction.providers.insertAll([provider('prv-bbbbbbbbbbbb', 'b'), provider('prv-aaaaaaaaaaaa', 'a')]));
  for (const where of [{}, { name: 'a' }, { name: ['a', 'b'] }, { name: [] }]) {
    test.same(await store.read.providers.ids(where), (await store.read.providers.find(where)).map(({ id }) => id), JSON.stringify(where));
  }
});

void t.test('a transaction over thousands of rows lets everything else have its turn, and is still one', async (test) => {
  const { store } = await opened(test);
  let isOver = false;
  let turns = 0;
  const seenMeanwhile = new Set<number>();
  const others = (async () => {
    while (!isOver) {
      await setImmediate();
      turns += 1;
      seenMeanwhile.add(await store.read.providers.count({}));
    }
  })();
  const rows = Array.from({ length: 2_000 }, (_, index) => provider(`prv-${String(index).padStart(12, '0')}`, `name ${index}`));
  const event = { type: 'x', subjectId: 's', subjectName: 's', reason: 'r', message: 'm' };
  const long = store.transaction(async (transaction) => {
    await transaction.providers.insertAll(rows);
    await transaction.events.append(...rows.map(() => event));
  });
  const next = store.transaction((transaction) => transaction.events.append({ ...event, type: 'y' }));
  await long;
  isOver = true;
  await Promise.all([others, next]);
  test.ok(turns >= 30, `others had ${turns} turns meanwhile`);
  test.same([...seenMeanwhile].filter((count) => count !== 0 && count !== rows.length), [], 'nobody has seen a part of it');
  test.match(await store.read.events.list({ afterSequence: rows.length, limit: 10 }), [{ type: 'y' }], 'who came later has waited');
});

void t.test('a store from before families had revisions: its nodes run what their family says', async (test) => {
  const { store, file } = await opened(test);
  await store.transaction(async (transaction) => {
    await transaction.families.insert({ ...familyRow(), generation: 7 });
    await transaction.nodes.insert(nodeRow(familyRow().id, 1));
  });
  await store.close();
  const raw = new Sqlite(file);
  raw.exec(`drop table family_revisions; ${withoutCountedFields} delete from migrations where version >= 3`);
  raw.exec("update families set body = json_remove(body, '$.spec.sealedSecrets'); update nodes set body = json_remove(body, '$.familyGeneration')");
  raw.close();
  const again = await openSqliteStore({ file, clock: systemClock });
  test.teardown(() => again.close());
  test.match((await again.read.families.find({}))[0]?.spec, { environment: {}, sealedSecrets: {} });
  test.match(await again.read.nodes.find({}), [{ familyGeneration: 7, name: 'web-1' }]);
  test.equal(await again.read.familyRevisions.count({}), 0);
});
