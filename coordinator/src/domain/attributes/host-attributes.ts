import type { Attribute, AttributeValue } from '@wombat/proto/types';
import { Unit } from '@wombat/proto/types';
import { attributeTable, type AttributeDefinition, type AttributeReading, type AttributeSource, type AttributeUnit } from './attribute-table.js';
import { typedValue } from './typed-value.js';

const units: Readonly<Record<AttributeUnit, Unit>> = { bytes: Unit.BYTES, cores: Unit.CORES };

/**
 * All attributes of a host by their keys: those of the table, what its driver told of the machine, and what its agent
 * told, labels among it. Of one key the table's own reading counts, then the driver's.
 */
export function hostAttributes(source: AttributeSource): Attribute[] {
  const found = new Map<string, Attribute>();
  for (const definition of attributeTable) {
    const value = valueOf(definition, definition.read?.(source));
    if (value) found.set(definition.key, { key: definition.key, value });
  }
  const told = Object.entries(source.host.attributes ?? {}).map(([key, reading]) => ({ key, value: typedValue(reading) }));
  for (const each of [...told, ...(source.facts?.attributes ?? [])]) if (!found.has(each.key)) found.set(each.key, each);
  return [...found.values()].sort((left, right) => (left.key < right.key ? -1 : 1));
}

/** Undefined for what is not known: an empty text or list says nothing. */
function valueOf({ type, unit }: AttributeDefinition, reading: AttributeReading): AttributeValue | undefined {
  if (reading === undefined || reading === '' || (Array.isArray(reading) && reading.length === 0)) return undefined;
  if (unit !== undefined && type === 'quantity') return { kind: { $case: 'quantity', value: { amount: Number(reading), unit: units[unit], currency: '' } } };
  return typedValue(reading);
}
