import type { AttributeValue } from '@wombat/proto/types';
import type { StoredAttribute } from '../model/object.js';

/** A stored value as the contract writes it; its unit, if any, its key tells. */
export function typedValue(value: StoredAttribute): AttributeValue {
  switch (typeof value) {
    case 'string':
      return { kind: { $case: 'text', value } };
    case 'boolean':
      return { kind: { $case: 'flag', value } };
    case 'number':
      return { kind: Number.isSafeInteger(value) ? { $case: 'integer', value: BigInt(value) } : { $case: 'decimal', value } };
    default:
      return { kind: { $case: 'list', value: { values: value.map(typedValue) } } };
  }
}
