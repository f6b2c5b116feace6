import { sql } from 'kysely';
import type { Database } from '../kysely/collection.js';

/**
 * Names and ids are ordered by their bytes, as in SQLite, whatever language the database was made for: pages, prefixes and their
 * indexes depend on it. Migrations need not say so: what they have made is looked through afterwards.
 */
export async function orderTextsByBytes(database: Database): Promise<void> {
  const { rows } = await sql<{ table: string; column: string }>`
    select relation.relname as table, attribute.attname as column
    from pg_attribute attribute
    join pg_class relation on relation.oid = attribute.attrelid
    join pg_collation ordering on ordering.oid = attribute.attcollation
    where relation.relkind = 'r' and relation.relnamespace = current_schema()::regnamespace
      and attribute.attnum > 0 and not attribute.attisdropped and ordering.collname <> 'C'`.execute(database);
  for (const { table, column } of rows) {
    await sql`alter table ${sql.table(table)} alter column ${sql.ref(column)} type text collate "C"`.execute(database);
  }
}
