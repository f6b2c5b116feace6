import { chmodSync, copyFileSync, readdirSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { Kysely, SqliteDialect } from 'kysely';
import t, { type Test } from 'tap';
import { systemClock } from '@wombat/proto';
import type { Schema } from '../kysely/tables.js';
import type { Place } from '../testing/place.js';
import { provider } from '../testing/rows.js';
import { storeSuite } from '../testing/store-suite.js';
import { Sqlite } from './driver.js';
import { openSqliteStore } from './open.js';

function place(test: Test): Promise<Place> {
  const file = path.join(test.testdir(), 'wombat.db');
  return Promise.resolve({
    open: async (clock = systemClock) => {
      const store = await openSqliteStore({ file, clock });
      test.teardown(() => store.close());
      return store;
    },
    database: async (work) => {
      const database = new Kysely<Schema>({ dialect: new SqliteDialect({ database: new Sqlite(file) }) });
      return work(database).finally(() => database.destroy());
    },
  });
}

storeSuite({ name: 'SQLite', place });

void t.test('a directory that cannot be written is refused', async (test) => {
  const file = path.join(test.testdir({ blocked: 'a file where a folder should be' }), 'blocked', 'wombat.db');
  await test.rejects(openSqliteStore({ file, clock: systemClock }), { code: 'WO_STORE_UNUSABLE' });
});

void t.test('nobody else may read the store, also one that an older version has made', async (test) => {
  const file = path.join(test.testdir(), 'wombat.db');
  const store = await openSqliteStore({ file, clock: systemClock });
  await store.transaction((transaction) => transaction.providers.insert(provider(1)));
  const modes = (): string[] => [file, `${file}-wal`, `${file}-shm`].map((name) => (statSync(name).mode & 0o777).toString(8));
  test.same(modes(), ['600', '600', '600']);
  await store.close();
  chmodSync(file, 0o644);
  const again = await openSqliteStore({ file, clock: systemClock });
  test.same(modes(), ['600', '600', '600']);
  await again.close();
});

void t.test('a store that was not closed is refused without its log of writes', async (test) => {
  const [here, there] = [path.join(test.testdir({ here: {}, there: {} }), 'here'), path.join(test.testdirName, 'there')];
  const file = path.join(here, 'wombat.db');
  const store = await openSqliteStore({ file, clock: systemClock });
  await store.transaction((transaction) => transaction.providers.insert(provider(1)));
  test.equal(await store.read.providers.count({}), 1);
  // As a kill leaves it.
  for (const name of readdirSync(here)) copyFileSync(path.join(here, name), path.join(there, name));
  await store.close();
  test.strictSame(readdirSync(here), ['wombat.db'], 'one that is closed has neither log nor mark');
  await (await openSqliteStore({ file, clock: systemClock })).close();

  const killed = path.join(there, 'wombat.db');
  renameSync(`${killed}-wal`, path.join(there, 'aside'));
  for (const attempt of ['first', 'second']) await test.rejects(openSqliteStore({ file: killed, clock: systemClock }), { code: 'WO_STORE_UNUSABLE', message: /its log of writes .*-wal is missing/ }, attempt);
  renameSync(path.join(there, 'aside'), `${killed}-wal`);
  const again = await openSqliteStore({ file: killed, clock: systemClock });
  test.equal(await again.read.providers.count({}), 1, 'with it all is there');
  await again.close();
});
