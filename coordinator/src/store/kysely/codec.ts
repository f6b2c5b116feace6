import type { StoredObject } from '../../domain/model/object.js';
import { columnOf, type ObjectRow, type TableDefinition } from './tables.js';

const common = ['id', 'name', 'revision', 'generation', 'observedGeneration', 'createdAt', 'updatedAt'] as const;
const isCommon = new Set<string>(common);
const numberColumns = new Set(common.filter((field) => field !== 'id' && field !== 'name').map(columnOf));

/** Common and indexed fields are columns, all else stands in the body. */
export function columnFieldsOf({ indexed }: TableDefinition): readonly string[] {
  return [...common, ...indexed, 'body'];
}

/** Those that an update may change. */
export function updatedFieldsOf(definition: TableDefinition): readonly string[] {
  const never = ['id', 'createdAt', ...(definition.fixed ?? [])];
  return columnFieldsOf(definition).filter((field) => !never.includes(field));
}

export function isNumber(column: string): boolean {
  return numberColumns.has(column);
}

/** Values of the columns of these fields, in their order. */
export function encode(definition: TableDefinition, fields: readonly string[], object: StoredObject): ObjectRow[string][] {
  const values = object as unknown as Readonly<Record<string, unknown>>;
  return fields.map((field) => {
    if (field === 'body') return bodyOf(definition, values);
    const value = values[field] as string | number | null | undefined;
    if (value === undefined || value === null) return null;
    return isCommon.has(field) ? value : String(value);
  });
}

/** Written by the thousand: to leave fields out of a copy takes three times as long. */
function bodyOf({ indexed }: TableDefinition, values: Readonly<Record<string, unknown>>): string {
  const body: Record<string, unknown> = {};
  for (const field in values) if (!isCommon.has(field) && !indexed.includes(field)) body[field] = values[field];
  return JSON.stringify(body);
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
