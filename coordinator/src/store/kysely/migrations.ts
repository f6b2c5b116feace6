import { sql } from 'kysely';
import { WombatError } from '@wombat/proto';
import type { Database } from './collection.js';
import type { Kind } from '../store.js';
import { columnOf, tables } from './tables.js';

/** Run in order, each once, in a transaction of its own; never changed after a release. */
const migrations: readonly ((database: Database) => Promise<void>)[] = [initial, requests, familyRevisions, releasesSayMore, countedFields, nodesInOrder, nodesByRevision, strays, fewerTargetIndexes];

/**
 * Brings the schema to this build's version. `finish` does what one database needs beyond what all have in common.
 * @throws WombatError WO_STORE_NEWER when a newer build wrote it
 */
export async function migrate(database: Database, now: number, finish?: (database: Database) => Promise<void>, upTo = migrations.length): Promise<void> {
  await sql`create table if not exists migrations (version integer primary key, applied_at bigint not null)`.execute(database);
  const row = await database
    .selectFrom('migrations')
    .select((expression) => expression.fn.max('version').as('version'))
    .executeTakeFirst();
  const version = Number(row?.version ?? 0);
  if (version > upTo) {
    throw new WombatError('WO_STORE_NEWER', `the store has schema ${version}, this version knows ${upTo}`);
  }
  for (let next = version; next < upTo; next += 1) {
    await database.transaction().execute(async (transaction) => {
      await migrations[next]!(transaction);
      await finish?.(transaction);
      await transaction.insertInto('migrations').values({ version: next + 1, applied_at: now }).execute();
    });
  }
}

const initialKinds: readonly Kind[] = [
  'providers', 'releases', 'families', 'domains', 'hosts', 'nodes', 'operations', 'joinTokens', 'hostCertificates', 'operatorTokens', 'jobs', 'jobTargets',
];

/** Fields that were given a column after the first version. */
const laterFields: Readonly<Partial<Record<Kind, readonly string[]>>> = { nodes: ['desired', 'familyGeneration', 'releaseId'], jobTargets: ['outcome'] };

async function initial(database: Database): Promise<void> {
  for (const kind of initialKinds) await createTable(database, kind, laterFields[kind]);
  await sql`create table events (
    sequence bigint primary key, time bigint not null, type text not null, operation_id text not null,
    family_id text not null, host_id text not null, node_id text not null, body text not null)`.execute(database);
  for (const column of ['operation_id', 'family_id', 'host_id', 'node_id']) {
    await sql`create index ${sql.ref(`events_${column}`)} on events (${sql.ref(column)}, sequence)`.execute(database);
  }
  await sql`create table counters (name text primary key, value bigint not null)`.execute(database);
  await sql`create table meta (key text primary key, value text not null)`.execute(database);
}

/** Requests with an id, so that a retry gets the first answer. */
async function requests(database: Database): Promise<void> {
  await sql`create table requests (
    key text primary key, request_hash text not null, expires_at bigint not null, results text, answer text)`.execute(database);
  await sql`create index requests_expires_at on requests (expires_at)`.execute(database);
}

/** Until then a family had one specification, and all its nodes ran that. */
async function familyRevisions(database: Database): Promise<void> {
  await createTable(database, 'familyRevisions');
  await changeBodies(database, 'families', (family) => ({ ...family, spec: { ...(family['spec'] as object), sealedSecrets: {} } }));
  const { rows } = await sql<{ id: string; generation: number }>`select id, generation from families`.execute(database);
  const generations = new Map(rows.map(({ id, generation }) => [id, Number(generation)]));
  await changeBodies(database, 'nodes', (node, familyId) => ({ ...node, familyGeneration: generations.get(familyId) ?? 1 }), 'family_id');
}

/** Manifests say user, limits, needs, data directory and commands. */
async function releasesSayMore(database: Database): Promise<void> {
  const unsaid = { dataDirectory: false, runAs: '', limits: { openFiles: 0, processes: 0, nice: 0, memoryBytes: 0 }, needs: { memoryBytes: 0, diskBytes: 0 }, commands: [] };
  await changeBodies(database, 'releases', (release) => ({ ...release, manifest: { ...unsaid, ...(release['manifest'] as object) } }));
}

/** What families and jobs are asked for most is counted without reading their nodes and outputs. */
async function countedFields(database: Database): Promise<void> {
  await addColumn(database, 'nodes', 'desired');
  await addColumn(database, 'job_targets', 'outcome');
  await sql`create index nodes_status on nodes (family_id, phase, desired)`.execute(database);
  await sql`create index job_targets_status on job_targets (job_id, outcome)`.execute(database);
  for (const kind of ['operations', 'jobs', 'join_tokens', 'host_certificates', 'nodes', 'hosts']) {
    await sql`create index ${sql.ref(`${kind}_updated_at`)} on ${sql.table(kind)} (updated_at)`.execute(database);
  }
}

/** A page of the nodes of a family in one state is read as it stands in the index, without sorting all of them. */
async function nodesInOrder(database: Database): Promise<void> {
  await sql`drop index nodes_status`.execute(database);
  await sql`create index nodes_status on nodes (family_id, phase, desired, created_at, id)`.execute(database);
}

/** How many nodes run a revision, or a release, is counted without reading them. */
async function nodesByRevision(database: Database): Promise<void> {
  await addColumn(database, 'nodes', 'familyGeneration');
  await addColumn(database, 'nodes', 'releaseId');
  await sql`create index nodes_revision on nodes (family_id, family_generation, release_id)`.execute(database);
  await sql`create index nodes_release_id on nodes (release_id)`.execute(database);
}

/** Machines without a host, and hosts without a machine. */
async function strays(database: Database): Promise<void> {
  await createTable(database, 'strays');
}

/** Targets are written by the thousand and asked for within their job: the index of its outcomes finds them. */
async function fewerTargetIndexes(database: Database): Promise<void> {
  for (const column of ['name', 'job_id', 'target_id']) await sql`drop index ${sql.ref(`job_targets_${column}`)}`.execute(database);
}

/** Moves a field from the body into a column of its own. */
async function addColumn(database: Database, table: string, field: string): Promise<void> {
  const column = sql.ref(columnOf(field));
  await sql`alter table ${sql.table(table)} add column ${column} text`.execute(database);
  const { rows } = await sql<{ id: string; body: string }>`select id, body from ${sql.table(table)}`.execute(database);
  for (const { id, body } of rows) {
    const { [field]: value, ...rest } = JSON.parse(body) as Record<string, unknown>;
    if (typeof value !== 'string' && typeof value !== 'number') continue;
    await sql`update ${sql.table(table)} set ${column} = ${String(value)}, body = ${JSON.stringify(rest)} where id = ${id}`.execute(database);
  }
}

async function createTable(database: Database, kind: Kind, later: readonly string[] = []): Promise<void> {
  const { table, uniqueName } = tables[kind];
  const indexed = tables[kind].indexed.filter((field) => !later.includes(field));
  const columns = indexed.map((field) => sql`${sql.ref(columnOf(field))} text,`);
  await sql`create table ${sql.table(table)} (
    id text primary key, name text not null, revision bigint not null, generation bigint not null,
    observed_generation bigint not null, created_at bigint not null, updated_at bigint not null,
    ${sql.join(columns, sql` `)} body text not null)`.execute(database);
  const nameIndex = sql.raw(uniqueName ? 'create unique index' : 'create index');
  await sql`${nameIndex} ${sql.ref(`${table}_name`)} on ${sql.table(table)} (name)`.execute(database);
  for (const field of indexed) {
    const column = columnOf(field);
    await sql`create index ${sql.ref(`${table}_${column}`)} on ${sql.table(table)} (${sql.ref(column)})`.execute(database);
  }
}

type Body = Readonly<Record<string, unknown>>;

async function changeBodies(database: Database, table: string, change: (body: Body, value: string) => Body, column = 'id'): Promise<void> {
  const { rows } = await sql<{ id: string; extra: string; body: string }>`select id, ${sql.ref(column)} as extra, body from ${sql.table(table)}`.execute(database);
  for (const { id, extra, body } of rows) {
    const changed = JSON.stringify(change(JSON.parse(body) as Body, extra));
    await sql`update ${sql.table(table)} set body = ${changed} where id = ${id}`.execute(database);
  }
}
