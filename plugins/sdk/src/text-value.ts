/** The part of JSON Schema that decides how a text value is read. */
export interface PropertySchema {
  readonly type?: string | readonly string[];
  readonly items?: PropertySchema;
  readonly anyOf?: readonly PropertySchema[];
  readonly oneOf?: readonly PropertySchema[];
}

const yes = new Set(['true', 'yes', 'on', '1']);
const no = new Set(['false', 'no', 'off', '0']);

/**
 * Reads `--set KEY=VALUE` as the type that the schema asks for: numbers, booleans, lists by comma,
 * objects as JSON. Text that does not read so is left as it is, for the schema to refuse.
 */
export function readTextValue(text: string, schema: PropertySchema): unknown {
  const types = typesOf(schema);
  // Where text is allowed it is meant.
  if (types.has('string')) return text;
  const word = text.trim().toLowerCase();
  if ((types.has('number') || types.has('integer')) && word !== '' && Number.isFinite(Number(word))) return Number(word);
  if (types.has('boolean') && (yes.has(word) || no.has(word))) return yes.has(word);
  if (types.has('array')) return readList(text, schema);
  if (types.has('object')) return readJson(text);
  return text;
}

function readList(text: string, schema: PropertySchema): unknown {
  if (text.trim().startsWith('[')) return readJson(text);
  if (text.trim() === '') return [];
  const items = alternatives(schema).find((each) => each.items)?.items ?? { type: 'string' };
  return text.split(',').map((item) => readTextValue(item.trim(), items));
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function typesOf(schema: PropertySchema): ReadonlySet<string> {
  const types = alternatives(schema).flatMap(({ type }) => type ?? []);
  // A schema without a type takes anything, text included.
  return new Set(types.length === 0 ? ['string'] : types);
}

function alternatives(schema: PropertySchema): readonly PropertySchema[] {
  return [schema, ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap(alternatives)];
}
