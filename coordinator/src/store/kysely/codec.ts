import type { StoredObject } from '../../domain/model/object.js';
import { columnOf, type ObjectRow, type TableDefinition } from './tables.js';

const common = ['id', 'name', 'revision', 'generation', 'observedGeneration', 'createdAt', 'updatedAt'] as const;
const isCommon = new Set<string>(common);
const numberColumns = new Set(common.filter((field) => field !== 'id' && field !== 'name').map(columnOf));

/** Common and indexed fields are columns, all else stands in the body. */
export function columnsOf({ indexed }: TableDefinition): readonly string[] {
  return [...common, ...indexed, 'body'].map(columnOf);
}

/** Those that an update may change. */
export function updatedColumnsOf(definition: TableDefinition): readonly string[] {
  const never = ['id', 'createdAt', ...(definition.fixed ?? [])].map(columnOf);
  return columnsOf(definition).filter((column) => !never.includes(column));
}

export function isNumber(column: string): boolean {
  return numberColumns.has(column);
}

/** Values of these columns, in their order. */
export function encode(definition: TableDefinition, columns: readonly string[], object: StoredObject): ObjectRow[string][] {
  const row: ObjectRow = {};
  const body: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(object)) {
    if (isCommon.has(field)) row[columnOf(field)] = value as string | number;
    else if (definition.indexed.includes(field)) row[columnOf(field)] = value === undefined || value === null ? null : String(value as string | number);
    else body[field] = value;
  }
  row['body'] = JSON.stringify(body);
  return columns.map((column) => row[column] ?? null);
}

export function decode<T extends StoredObject>(definition: TableDefinition, row: ObjectRow): T {
  const object: Record<string, unknown> = {};
  for (const field of common) {
    const value = row[columnOf(field)];
    object[field] = typeof value === 'string' && isNumber(columnOf(field)) ? Number(value) : value;
  }
  Object.assign(object, indexedFields(definition, row), JSON.parse(row['body'] as string));
  return object as unknown as T;
}

export function headColumnsOf({ indexed }: TableDefinition): readonly string[] {
  return ['id', 'name', ...indexed].map(columnOf);
}

export function decodeHead<T>(definition: TableDefinition, row: ObjectRow): T {
  return { id: row['id'], name: row['name'], ...indexedFields(definition, row) } as T;
}

function indexedFields(definition: TableDefinition, row: ObjectRow): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const field of definition.indexed) {
    const value = row[columnOf(field)];
    if (value !== null && value !== undefined) fields[field] = definition.numbers?.includes(field) ? Number(value) : value;
  }
  return fields;
}
