import { sql, type Kysely, type RawBuilder } from 'kysely';
import { WombatError } from '@wombat/proto';
import type { Collection, Indexed, Kind, Kinds, NewObject, Page, PageQuery, Where, WritableCollection } from '../store.js';
import { decode, encode } from './codec.js';
import { columnOf, tables, type ObjectRow, type Schema, type TableDefinition } from './tables.js';

export type Database = Kysely<Schema>;
type Conditions = Readonly<Record<string, string | readonly string[] | null | undefined>>;

/** Below the 999 parameters that old builds of SQLite allow. */
const idsAtOnce = 500;

/** As SQLite and PostgreSQL say it. */
const uniqueViolations: ReadonlySet<unknown> = new Set(['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY', '23505']);

/** One kind of object, read. */
export class KyselyCollection<K extends Kind> implements Collection<K> {
  protected readonly definition: TableDefinition;

  constructor(
    protected readonly database: Database,
    protected readonly kind: K,
  ) {
    this.definition = tables[kind];
  }

  async get(id: string): Promise<Kinds[K] | undefined> {
    return (await this.rows(sql`where id = ${id}`))[0];
  }

  async find(where: Where<K>): Promise<Kinds[K][]> {
    return this.rows(sql`${whereClause(where as Conditions)} order by created_at, id`);
  }

  async ids(where: Where<K>): Promise<string[]> {
    const query = sql<{ id: string }>`select id from ${this.table} ${whereClause(where as Conditions)} order by created_at, id`;
    return (await query.execute(this.database)).rows.map(({ id }) => id);
  }

  async many(ids: readonly string[]): Promise<Kinds[K][]> {
    const unique = [...new Set(ids)];
    const found: Kinds[K][] = [];
    for (let start = 0; start < unique.length; start += idsAtOnce) {
      found.push(...(await this.rows(sql`where id in (${sql.join(unique.slice(start, start + idsAtOnce))})`)));
    }
    return found;
  }

  async names(ids: readonly string[]): Promise<Map<string, string>> {
    const unique = [...new Set(ids)];
    const names = new Map<string, string>();
    for (let start = 0; start < unique.length; start += idsAtOnce) {
      const some = unique.slice(start, start + idsAtOnce);
      const query = sql<{ id: string; name: string }>`select id, name from ${this.table} where id in (${sql.join(some)})`;
      for (const { id, name } of (await query.execute(this.database)).rows) names.set(id, name);
    }
    return names;
  }

  async count(where: Where<K>): Promise<number> {
    const query = sql<{ count: number | string }>`select count(*) as count from ${this.table} ${whereClause(where as Conditions)}`;
    return Number((await query.execute(this.database)).rows[0]?.count ?? 0);
  }

  async countBy(field: Indexed[K], where: Where<K>): Promise<Record<string, number>> {
    const column = sql.ref(columnOf(field));
    const query = sql<{ value: string | null; count: number | string }>`select ${column} as value, count(*) as count from ${this.table} ${whereClause(where as Conditions)} group by ${column}`;
    return Object.fromEntries((await query.execute(this.database)).rows.map(({ value, count }) => [value ?? '', Number(count)]));
  }

  async stale(where: Where<K>, updatedBefore: number, limit: number, after = ''): Promise<string[]> {
    const query = sql<{ id: string }>`select id from ${this.table} ${whereClause(where as Conditions)} and updated_at < ${updatedBefore} and id > ${after} order by id limit ${limit}`;
    return (await query.execute(this.database)).rows.map(({ id }) => id);
  }

  async withPrefix(prefix: string, limit: number): Promise<Kinds[K][]> {
    return this.rows(sql`where id >= ${prefix} and id < ${`${prefix}~`} order by id limit ${limit}`);
  }

  async namesAround(text: string, limit: number, where: Where<K> = {}): Promise<string[]> {
    const conditions = whereClause(where as Conditions);
    const before = sql<{ name: string }>`select name from ${this.table} ${conditions} and name < ${text} order by name desc limit ${limit}`;
    const from = sql<{ name: string }>`select name from ${this.table} ${conditions} and name >= ${text} order by name limit ${limit}`;
    const rows = [...(await before.execute(this.database)).rows, ...(await from.execute(this.database)).rows];
    return rows.map(({ name }) => name);
  }

  async page(query: PageQuery<K>): Promise<Page<Kinds[K]>> {
    const column = columnOf(query.orderBy ?? 'createdAt');
    const where = whereClause((query.where ?? {}) as Conditions);
    const after = query.pageToken ? afterToken(column, query.descending ?? false, query.pageToken) : sql``;
    const order = sql`order by ${sql.ref(column)} ${sql.raw(query.descending ? 'desc' : 'asc')}, id ${sql.raw(query.descending ? 'desc' : 'asc')}`;
    const items = await this.rows(sql`${where} ${after} ${order} limit ${query.pageSize + 1}`);
    const more = items.length > query.pageSize;
    const shown = more ? items.slice(0, query.pageSize) : items;
    const last = shown.at(-1);
    return { items: shown, nextPageToken: more && last ? toToken(column, query.orderBy === 'name' ? last.name : last.createdAt, last.id) : '' };
  }

  protected get table(): RawBuilder<unknown> {
    return sql.table(this.definition.table);
  }

  private async rows(rest: RawBuilder<unknown>): Promise<Kinds[K][]> {
    const result = await sql<ObjectRow>`select * from ${this.table} ${rest}`.execute(this.database);
    return result.rows.map((row) => decode<Kinds[K]>(this.definition, row));
  }
}

export interface WriteHooks {
  now(): number;
  written(kind: Kind, id: string, object: Kinds[Kind] | undefined): void;
  /** The database has refused a write: nothing of the transaction can be kept. */
  refused(error: WombatError): void;
  /** After so many rows: lets others have their turn when it is time. */
  turn(rows: number): Promise<void>;
}

/** One kind of object inside a transaction. */
export class WritableKyselyCollection<K extends Kind> extends KyselyCollection<K> implements WritableCollection<K> {
  constructor(
    database: Database,
    kind: K,
    private readonly hooks: WriteHooks,
  ) {
    super(database, kind);
  }

  async insert(object: NewObject<Kinds[K]>): Promise<Kinds[K]> {
    const stored = this.stamped(object);
    await this.insertRows([stored]);
    return stored;
  }

  async insertAll(objects: readonly NewObject<Kinds[K]>[]): Promise<void> {
    // 50 rows of 12 columns stay below the 999 parameters that old builds of SQLite allow.
    for (let start = 0; start < objects.length; start += 50) {
      await this.insertRows(objects.slice(start, start + 50).map((object) => this.stamped(object)));
    }
  }

  async update(object: Kinds[K]): Promise<Kinds[K]> {
    const next = { ...object, revision: object.revision + 1, updatedAt: this.hooks.now() };
    const row = encode(this.definition, next);
    const assignments = Object.entries(row)
      .filter(([column]) => column !== 'id')
      .map(([column, value]) => sql`${sql.ref(column)} = ${value}`);
    const query = sql`update ${this.table} set ${sql.join(assignments)} where id = ${object.id} and revision = ${object.revision}`;
    const result = await this.guarded(object.name, () => query.execute(this.database));
    if ((result.numAffectedRows ?? 0n) === 0n) {
      throw new WombatError('WO_CONFLICT', `${object.id} has been changed by somebody else`, { details: { id: object.id } });
    }
    this.hooks.written(this.kind, next.id, next);
    await this.hooks.turn(1);
    return next;
  }

  async delete(id: string): Promise<boolean> {
    const result = await sql`delete from ${this.table} where id = ${id}`.execute(this.database);
    this.hooks.written(this.kind, id, undefined);
    return (result.numAffectedRows ?? 0n) > 0n;
  }

  private stamped(object: NewObject<Kinds[K]>): Kinds[K] {
    const now = this.hooks.now();
    return { ...object, revision: 1, createdAt: now, updatedAt: now } as unknown as Kinds[K];
  }

  private async insertRows(objects: readonly Kinds[K][]): Promise<void> {
    const rows = objects.map((object) => encode(this.definition, object));
    const columns = Object.keys(rows[0] ?? {});
    if (columns.length === 0) return;
    const values = rows.map((row) => sql`(${sql.join(columns.map((column) => row[column] ?? null))})`);
    const query = sql`insert into ${this.table} (${sql.join(columns.map((column) => sql.ref(column)))}) values ${sql.join(values)}`;
    await this.guarded(objects[0]?.name ?? '', () => query.execute(this.database));
    for (const object of objects) this.hooks.written(this.kind, object.id, object);
    await this.hooks.turn(objects.length);
  }

  /** The one constraint that callers meet is the unique name. */
  private async guarded<T>(name: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!uniqueViolations.has((error as { code?: unknown }).code)) throw error;
      const taken = new WombatError('WO_NAME_TAKEN', `the name ${JSON.stringify(name)} is taken`, { cause: error, details: { name } });
      this.hooks.refused(taken);
      throw taken;
    }
  }
}

function whereClause(where: Conditions): RawBuilder<unknown> {
  const conditions = Object.entries(where)
    .filter((entry): entry is [string, string | readonly string[] | null] => entry[1] !== undefined)
    .map(([field, value]) => {
      const column = sql.ref(columnOf(field));
      if (value === null) return sql`${column} is null`;
      if (typeof value === 'string') return sql`${column} = ${value}`;
      return value.length === 0 ? sql`1 = 0` : sql`${column} in (${sql.join([...value])})`;
    });
  // Always a where, so that a condition on the page can follow.
  return conditions.length === 0 ? sql`where 1 = 1` : sql`where ${sql.join(conditions, sql` and `)}`;
}

function toToken(column: string, value: string | number, id: string): string {
  return Buffer.from(JSON.stringify([column, value, id])).toString('base64url');
}

function afterToken(column: string, descending: boolean, token: string): RawBuilder<unknown> {
  const [value, id] = parseToken(column, token);
  const operator = sql.raw(descending ? '<' : '>');
  return sql`and (${sql.ref(column)} ${operator} ${value} or (${sql.ref(column)} = ${value} and id ${operator} ${id}))`;
}

function parseToken(column: string, token: string): [string | number, string] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (Array.isArray(parsed) && parsed.length === 3) {
      const [its, value, id] = parsed as unknown[];
      const isValue = column === 'name' ? typeof value === 'string' : Number.isSafeInteger(value);
      if (its === column && isValue && typeof id === 'string') return [value as string | number, id];
    }
  } catch {
    // Told below.
  }
  throw new WombatError('WO_INVALID_ARGUMENT', 'the page token is not one that was handed out for this order', { hint: 'leave it out to start from the first page' });
}
