import { sql } from 'kysely';
import type { Test } from 'tap';
import { systemClock } from '@wombat/proto';
import { manifestOf } from '../../../testing/rows.js';
import type { Database } from '../../kysely/collection.js';
import { migrate } from '../../kysely/migrations.js';
import type { Implementation, Place } from '../place.js';

/** The schema of this version, of older ones, and of newer ones. */
export function schemaTests(t: Test, { name, place }: Implementation): void {
  void t.test(`${name}: a store of a newer version is refused, and left as it is`, async (test) => {
    const here = await place(test);
    await (await here.open()).close();
    await here.database((database) => database.insertInto('migrations').values({ version: 99, applied_at: 0 }).execute());
    await test.rejects(here.open(), { code: 'WO_STORE_NEWER', message: /99/ });
    await here.database((database) => database.deleteFrom('migrations').where('version', '=', 99).execute());
    test.equal(await (await here.open()).read.events.lastSequence(), 0, 'without that it opens');
  });

  void t.test(`${name}: a store of the second version: a release says what it did not say then, nodes run what their family says`, async (test) => {
    const here = await place(test);
    const { commands: _c, limits: _l, needs: _n, runAs: _r, dataDirectory: _d, ...manifest } = manifestOf({ start: 'bin/old', nodeName: 'old' });
    await atVersion(here, 2, async (database) => {
      await row(database, 'releases', 'rel-a', 1, { version: '1.0', digest: 'd' }, { manifest });
      await row(database, 'families', 'fam-a', 7, {}, { spec: { environment: {} } });
      await row(database, 'nodes', 'node-a', 3, { family_id: 'fam-a', phase: 'running' }, { desired: 'running' });
    });
    const store = await here.open();
    test.strictSame((await store.read.releases.get('rel-a'))?.manifest, manifestOf({ start: 'bin/old', nodeName: 'old' }), 'the manifest');
    test.match((await store.read.families.get('fam-a'))?.spec, { environment: {}, sealedSecrets: {} }, 'the specification');
    test.match(await store.read.nodes.find({ desired: 'running' }), [{ id: 'node-a', familyGeneration: 7, generation: 3 }], 'the node, found by what was in its body');
    test.equal(await store.read.familyRevisions.count({}), 0);
  });
}

/** What a build of that version has left. */
async function atVersion(here: Place, version: number, write: (database: Database) => Promise<void>): Promise<void> {
  await here.database(async (database) => {
    await migrate(database, systemClock.now(), here.finish, version);
    await write(database);
  });
}

async function row(database: Database, table: string, id: string, generation: number, columns: Readonly<Record<string, string>>, body: unknown): Promise<void> {
  const values = { id, name: id, revision: 1, generation, observed_generation: 0, created_at: 1, updated_at: 1, ...columns, body: JSON.stringify(body) };
  const names = Object.keys(values).map((column) => sql.ref(column));
  await sql`insert into ${sql.table(table)} (${sql.join(names)}) values (${sql.join(Object.values(values))})`.execute(database);
}
