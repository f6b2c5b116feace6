import { WombatError } from '@wombat/proto';

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The generated fromJSON passes over names that it does not know, so that a slip of the pen would
 * silently mean the default. This compares what was sent with what was understood.
 * @throws WombatError WO_INVALID_ARGUMENT naming the first field that was not
 */
export function checkAllRead(json: unknown, message: unknown, path = ''): void {
  if (Array.isArray(json)) {
    if (!Array.isArray(message)) throw notUnderstood(path);
    json.forEach((item, index) => checkAllRead(item, message[index], `${path}[${index}]`));
  } else if (isObject(json)) {
    if (!isMessage(message)) throw notUnderstood(path);
    const fields = fieldsOf(message);
    for (const [name, value] of Object.entries(json)) {
      const field = [name, camelCase(name)].find((candidate) => fields.has(candidate));
      const where = path === '' ? name : `${path}.${name}`;
      if (field === undefined) throw notUnderstood(where);
      if (value !== null) checkAllRead(value, fields.get(field), where);
    }
  } else if (isMessage(message) && !isDuration(message)) {
    throw notUnderstood(path);
  }
}

/** The fields of a message by their names in JSON: a oneof stands there under the name of its case. */
function fieldsOf(message: JsonObject): Map<string, unknown> {
  const fields = new Map<string, unknown>();
  for (const [name, value] of Object.entries(message)) {
    if (isObject(value) && typeof value['$case'] === 'string') fields.set(value['$case'], value['value']);
    else fields.set(name, value);
  }
  return fields;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isMessage(value: unknown): value is JsonObject {
  return isObject(value) && !(value instanceof Date) && !(value instanceof Uint8Array);
}

/** Written as text: "1.5s". */
function isDuration(message: JsonObject): boolean {
  return typeof message['seconds'] === 'bigint' && typeof message['nanos'] === 'number';
}

function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function notUnderstood(path: string): WombatError {
  return new WombatError('WO_INVALID_ARGUMENT', `the field ${path.slice(0, 200)} is unknown, or its value is not of its type`);
}
