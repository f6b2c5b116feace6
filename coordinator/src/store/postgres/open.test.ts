import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import t, { type Test } from 'tap';
import { systemClock } from '@wombat/proto';
import { PostgresServer } from '../../testing/postgres-server.js';
import type { Schema } from '../kysely/tables.js';
import type { Place } from '../testing/place.js';
import { storeSuite } from '../testing/store-suite.js';
import { orderTextsByBytes } from './byte-order.js';
import { openPostgresStore } from './open.js';

t.setTimeout(120_000);

const server = await PostgresServer.start(t);
const { password } = PostgresServer;

async function place(test: Test): Promise<Place> {
  const address = await server.createDatabase();
  return {
    open: async (clock = systemClock) => {
      const store = await openPostgresStore({ address, password, clock });
      test.teardown(() => store.close());
      return store;
    },
    database: async (work) => {
      const { tls: _none, ...where } = address;
      const database = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: new pg.Pool({ ...where, password }) }) });
      return work(database).finally(() => database.destroy());
    },
    finish: orderTextsByBytes,
  };
}

storeSuite({ name: 'PostgreSQL', place });
