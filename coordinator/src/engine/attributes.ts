import type { Attribute } from '@wombat/proto/types';
import type { AttributeScalar, Attributes } from '../domain/model/object.js';

/** Typed attributes of a contract as they are stored: in base units, lists of text as such. */
export function attributesFromWire(attributes: readonly Attribute[]): Attributes {
  const stored: Record<string, AttributeScalar> = {};
  for (const { key, value } of attributes) {
    const scalar = scalarOf(value?.kind);
    if (scalar !== undefined) stored[key] = scalar;
  }
  return stored;
}

function scalarOf(kind: NonNullable<Attribute['value']>['kind']): AttributeScalar | undefined {
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
