import type { Attribute, AttributeValue } from '@wombat/proto/types';
import type { StoredAttribute, Attributes } from '../model/object.js';

/** Typed attributes of a contract as they are stored: in base units, lists of text as such. */
export function attributesFromWire(attributes: readonly Attribute[]): Attributes {
  const stored: Record<string, StoredAttribute> = {};
  for (const { key, value } of attributes) {
    const one = storedValue(value);
    if (one !== undefined) stored[key] = one;
  }
  return stored;
}

/** Undefined for what is not stored. */
export function storedValue(value: AttributeValue | undefined): StoredAttribute | undefined {
  const kind = value?.kind;
  switch (kind?.$case) {
    case 'text':
    case 'flag':
    case 'decimal':
      return kind.value;
    case 'integer':
      return Number(kind.value);
    case 'quantity':
      return kind.value.amount;
    case 'list':
      return kind.value.values.flatMap(({ kind: entry }) => (entry?.$case === 'text' ? [entry.value] : []));
    default:
      return undefined;
  }
}
