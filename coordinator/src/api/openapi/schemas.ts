import { ScalarType, type DescEnum, type DescField, type DescMessage } from '@bufbuild/protobuf';

export type Schema = Readonly<Record<string, unknown>>;

const integer64: Schema = { type: 'string', pattern: '^-?[0-9]+$' };
const scalars: Readonly<Record<ScalarType, Schema>> = {
  [ScalarType.DOUBLE]: { type: 'number' },
  [ScalarType.FLOAT]: { type: 'number' },
  [ScalarType.INT64]: integer64,
  [ScalarType.UINT64]: { type: 'string', pattern: '^[0-9]+$' },
  [ScalarType.INT32]: { type: 'integer' },
  [ScalarType.FIXED64]: integer64,
  [ScalarType.FIXED32]: { type: 'integer', minimum: 0 },
  [ScalarType.BOOL]: { type: 'boolean' },
  [ScalarType.STRING]: { type: 'string' },
  [ScalarType.BYTES]: { type: 'string', contentEncoding: 'base64' },
  [ScalarType.UINT32]: { type: 'integer', minimum: 0 },
  [ScalarType.SFIXED32]: { type: 'integer' },
  [ScalarType.SFIXED64]: integer64,
  [ScalarType.SINT32]: { type: 'integer' },
  [ScalarType.SINT64]: integer64,
};

/** Messages that proto3 JSON writes in a form of their own. */
const wellKnown: Readonly<Record<string, Schema>> = {
  'google.protobuf.Timestamp': { type: 'string', format: 'date-time' },
  'google.protobuf.Duration': { type: 'string', pattern: '^-?[0-9]+(\\.[0-9]+)?s$', examples: ['1.5s'] },
};

/**
 * The messages that methods take and answer, as JSON Schemas under their full names. No field is
 * required: proto3 JSON leaves out what has its default. None is excluded: newer coordinators say more.
 */
export class Schemas {
  readonly #found = new Map<string, Schema>();

  constructor(private readonly comments: ReadonlyMap<string, string>) {}

  /** In the order of their names. */
  all(): Record<string, Schema> {
    return Object.fromEntries([...this.#found].sort(([left], [right]) => (left < right ? -1 : 1)));
  }

  of(message: DescMessage): Schema {
    const known = wellKnown[message.typeName];
    if (known) return known;
    if (!this.#found.has(message.typeName)) {
      // A message may hold itself.
      this.#found.set(message.typeName, {});
      this.#found.set(message.typeName, this.#schemaOf(message));
    }
    return { $ref: `#/components/schemas/${message.typeName}` };
  }

  #schemaOf(message: DescMessage): Schema {
    const properties = message.fields.map((field) => {
      const comment = this.comments.get(`${message.typeName}.${field.name}`);
      return [field.jsonName, { ...this.#fieldOf(field), ...this.#described(comment, field) }];
    });
    const comment = this.comments.get(message.typeName);
    return { type: 'object', ...(comment ? { description: comment } : {}), properties: Object.fromEntries(properties) as Schema };
  }

  #described(comment: string | undefined, field: DescField): Schema {
    const others = field.oneof?.fields.filter((other) => other !== field).map(({ jsonName }) => jsonName) ?? [];
    const text = [comment, others.length > 0 ? `Not together with ${others.join(', ')}.` : undefined].filter(Boolean).join('\n');
    return text === '' ? {} : { description: text };
  }

  #fieldOf(field: DescField): Schema {
    if (field.fieldKind === 'list') return { type: 'array', items: this.#valueOf(field.listKind, field) };
    if (field.fieldKind === 'map') return { type: 'object', additionalProperties: this.#valueOf(field.mapKind, field) };
    return this.#valueOf(field.fieldKind, field);
  }

  #valueOf(kind: 'scalar' | 'message' | 'enum', field: DescField): Schema {
    if (kind === 'message') return this.of(field.message!);
    return kind === 'enum' ? enumOf(field.enum!) : scalars[field.scalar!];
  }
}

/** Later versions may have more values: what is not known is to be taken for unspecified. */
function enumOf(type: DescEnum): Schema {
  return { type: 'string', 'x-extensible-enum': type.values.map(({ name }) => name) };
}
