import { sql, type Kysely, type RawBuilder } from 'kysely';
import { WombatError } from '@wombat/proto';
import type { Collection, Head, Indexed, Kind, Kinds, NewObject, Page, PageQuery, Where, WritableCollection } from '../store.js';
import { columnFieldsOf, decode, decodeHead, encode, headColumnsOf, isNumber, updatedFieldsOf } from './codec.js';
import { filledPortions, portions, type Statements } from './statements.js';
import { columnOf, tables, type ObjectRow, type Schema, type TableDefinition } from './tables.js';

export type Database = Kysely<Schema>;
type Conditions = Readonly<Record<string, string | readonly string[] | null | undefined>>;

/** As SQLite and PostgreSQL say it. */
const uniqueViolations: ReadonlySet<unknown> = new Set(['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY', '23505']);

/** One kind of object, read. */
export class KyselyCollection<K extends Kind> implements Collection<K> {
  protected readonly definition: TableDefinition;

  constructor(
    protected readonly database: Database,
    protected readonly kind: K,
    protected readonly statements: Statements,
  ) {
    this.definition = tables[kind];
  }

  async get(id: string): Promise<Kinds[K] | undefined> {
    return this.decoded(await this.ask<ObjectRow>('get', [id], () => sql`select * from ${this.table} where id = ${id}`))[0];
  }

  async find(where: Where<K>): Promise<Kinds[K][]> {
    return this.decoded(await this.inOrder<ObjectRow>('find', sql`*`, where));
  }

  async heads(where: Where<K>): Promise<Head<K>[]> {
    const columns = headColumnsOf(this.definition).map((column) => sql.ref(column));
    return (await this.inOrder<ObjectRow>('heads', sql.join(columns), where)).map((row) => decodeHead<Head<K>>(this.definition, row));
  }

  async ids(where: Where<K>): Promise<string[]> {
    return (await this.inOrder<{ id: string }>('ids', sql`id`, where)).map(({ id }) => id);
  }

  async many(ids: readonly string[]): Promise<Kinds[K][]> {
    return this.decoded(await this.amongIds<ObjectRow>('many', sql`*`, ids));
  }

  async names(ids: readonly string[]): Promise<Map<string, string>> {
    const rows = await this.amongIds<{ id: string; name: string }>('names', sql`id, name`, ids);
    return new Map(rows.map(({ id, name }) => [id, name]));
  }

  async count(where: Where<K>): Promise<number> {
    const conditions = where as Conditions;
    const build = (): RawBuilder<unknown> => sql`select count(*) as count from ${this.table} ${whereClause(conditions)}`;
    const [row] = await this.ask<{ count: number | string }>(`count ${shapeOf(conditions)}`, valuesOf(conditions), build);
    return Number(row?.count ?? 0);
  }

  async countBy(field: Indexed[K], where: Where<K>): Promise<Record<string, number>> {
    const column = sql.ref(columnOf(field));
    const query = sql<{ value: string | null; count: number | string }>`select ${column} as value, count(*) as count from ${this.table} ${whereClause(where as Conditions)} group by ${column}`;
    return Object.fromEntries((await query.execute(this.database)).rows.map(({ value, count }) => [value ?? '', Number(count)]));
  }

  async bytes(where: Where<K>): Promise<number> {
    const conditions = where as Conditions;
    const build = (): RawBuilder<unknown> => sql`select sum(octet_length(body)) as bytes from ${this.table} ${whereClause(conditions)}`;
    const [row] = await this.ask<{ bytes: number | string | null }>(`bytes ${shapeOf(conditions)}`, valuesOf(conditions), build);
    return Number(row?.bytes ?? 0);
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

  private async ask<R>(shape: string, parameters: readonly unknown[], build: () => RawBuilder<unknown>): Promise<readonly R[]> {
    return (await this.statements.run<R>(this.database, `${this.kind} ${shape}`, parameters, build)).rows;
  }

  private async inOrder<R>(what: string, selected: RawBuilder<unknown>, where: Where<K>): Promise<readonly R[]> {
    const conditions = where as Conditions;
    const build = (): RawBuilder<unknown> => sql`select ${selected} from ${this.table} ${whereClause(conditions)} order by created_at, id`;
    return this.ask<R>(`${what} ${shapeOf(conditions)}`, valuesOf(conditions), build);
  }

  private async amongIds<R>(what: string, selected: RawBuilder<unknown>, ids: readonly string[]): Promise<readonly R[]> {
    const found: R[] = [];
    for (const some of filledPortions([...new Set(ids)])) {
      found.push(...(await this.ask<R>(`${what} ${some.length}`, some, () => sql`select ${selected} from ${this.table} where id in (${sql.join(some)})`)));
    }
    return found;
  }

  private async rows(rest: RawBuilder<unknown>): Promise<Kinds[K][]> {
    return this.decoded((await sql<ObjectRow>`select * from ${this.table} ${rest}`.execute(this.database)).rows);
  }

  private decoded(rows: readonly ObjectRow[]): Kinds[K][] {
    return rows.map((row) => decode<Kinds[K]>(this.definition, row));
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
    statements: Statements,
    private readonly hooks: WriteHooks,
  ) {
    super(database, kind, statements);
  }

  async insert(object: NewObject<Kinds[K]>): Promise<Kinds[K]> {
    return (await this.insertAll([object]))[0]!;
  }

  async insertAll(objects: readonly NewObject<Kinds[K]>[]): Promise<readonly Kinds[K][]> {
    const stored = objects.map((object) => this.stamped(object));
    for (const some of portions(stored)) await this.insertRows(some);
    return stored;
  }

  async update(object: Kinds[K]): Promise<Kinds[K]> {
    return (await this.updateAll([object]))[0]!;
  }

  async updateAll(objects: readonly Kinds[K][]): Promise<readonly Kinds[K][]> {
    const updatedAt = this.hooks.now();
    const next = objects.map((object) => ({ ...object, revision: object.revision + 1, updatedAt }));
    for (const some of portions(next)) await this.updateRows(some);
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
    const fields = columnFieldsOf(this.definition);
    const rows = objects.map((object) => encode(this.definition, fields, object));
    await this.write('insert', objects, rows, () => sql`insert into ${this.table} (${sql.join(fields.map((field) => sql.ref(columnOf(field))))}) values ${listed(rows)}`);
  }

  /** Each where the revision before is still the stored one. */
  private async updateRows(objects: readonly Kinds[K][]): Promise<void> {
    const fields = updatedFieldsOf(this.definition);
    const rows = objects.map((object) => [object.id, object.revision - 1, ...encode(this.definition, fields, object)]);
    const assignments = fields.map(columnOf).map((column, index) => sql`${sql.ref(column)} = ${given(index + 2, isNumber(column))}`);
    const changed = await this.write('update', objects, rows, () => sql`
      update ${this.table} set ${sql.join(assignments)} from (values ${listed(rows)}) as given
      where ${this.table}.id = ${given(0)} and ${this.table}.revision = ${given(1, true)}`);
    if (changed < objects.length) {
      const ids = objects.map(({ id }) => id).join(', ');
      throw new WombatError('WO_CONFLICT', `${objects.length === 1 ? ids : `one of ${ids}`} has been changed by somebody else`, { details: { id: ids } });
    }
  }

  /** Answers how many rows it was. */
  private async write(what: string, objects: readonly Kinds[K][], rows: readonly (readonly unknown[])[], build: () => RawBuilder<unknown>): Promise<number> {
    const shape = `${this.kind} ${what} ${rows.length}`;
    const { numAffectedRows = 0n } = await this.guarded(objects[0]!.name, () => this.statements.run(this.database, shape, rows.flat(), build));
    for (const object of objects) this.hooks.written(this.kind, object.id, object);
    await this.hooks.turn(objects.length);
    return Number(numAffectedRows);
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

function listed(rows: readonly (readonly unknown[])[]): RawBuilder<unknown> {
  return sql.join(rows.map((row) => sql`(${sql.join([...row])})`));
}

/** A column of the values that an update is given: they have no types of their own. */
function given(index: number, isNumber = false): RawBuilder<unknown> {
  const column = sql.raw(`given.column${index + 1}`);
  return isNumber ? sql`cast(${column} as bigint)` : column;
}

const conditionsOf = (where: Conditions): [string, string | readonly string[] | null][] =>
  Object.entries(where).filter((entry): entry is [string, string | readonly string[] | null] => entry[1] !== undefined);

/** What the text of a where clause depends on. */
function shapeOf(where: Conditions): string {
  return conditionsOf(where).map(([field, value]) => `${field} ${value === null ? 'null' : typeof value === 'string' ? '=' : value.length}`).join(' ');
}

/** In the order of the clause. */
function valuesOf(where: Conditions): string[] {
  return conditionsOf(where).flatMap(([, value]) => value ?? []);
}

function whereClause(where: Conditions): RawBuilder<unknown> {
  const conditions = conditionsOf(where)
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
