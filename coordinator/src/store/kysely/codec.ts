import type { StoredObject } from '../../domain/model/object.js';
import { columnOf, type ObjectRow, type TableDefinition } from './tables.js';

const common = ['id', 'name', 'revision', 'generation', 'observedGeneration', 'createdAt', 'updatedAt'] as const;
const isCommon = new Set<string>(common);

/** Object to row: common and indexed fields as columns, all else into the body. */
export function encode(definition: TableDefinition, object: StoredObject): ObjectRow {
  // Every row of a kind has the same columns, whatever its object leaves out.
  const row: ObjectRow = Object.fromEntries(definition.indexed.map((field) => [columnOf(field), null]));
  const body: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(object)) {
    if (isCommon.has(field)) row[columnOf(field)] = value as string | number;
    else if (definition.indexed.includes(field)) row[columnOf(field)] = value === undefined || value === null ? null : String(value as string | number);
    else body[field] = value;
  }
  row['body'] = JSON.stringify(body);
  return row;
}

export function decode<T extends StoredObject>(definition: TableDefinition, row: ObjectRow): T {
  const object: Record<string, unknown> = {};
  for (const field of common) {
    const value = row[columnOf(field)];
    object[field] = typeof value === 'string' && field !== 'id' && field !== 'name' ? Number(value) : value;
  }
  for (const field of definition.indexed) {
    const value = row[columnOf(field)];
    if (value !== null && value !== undefined) object[field] = definition.numbers?.includes(field) ? Number(value) : value;
  }
  Object.assign(object, JSON.parse(row['body'] as string));
  return object as unknown as T;
}
