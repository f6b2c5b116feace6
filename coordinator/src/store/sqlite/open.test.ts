import { chmodSync, statSync } from 'node:fs';
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
