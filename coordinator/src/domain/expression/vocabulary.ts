import type { AttributeType, AttributeUnit } from '../attributes/attribute-table.js';

export interface KnownType {
  readonly type: AttributeType;
  readonly unit?: AttributeUnit;
}

/** Which attributes there are. */
export interface Vocabulary {
  /** Of an attribute with a fixed name; undefined for those that drivers and labels bring. */
  typeOf(key: string): KnownType | undefined;
  /** What to do about a name that no attribute can have; undefined when one can. */
  unknown(key: string): string | undefined;
}
