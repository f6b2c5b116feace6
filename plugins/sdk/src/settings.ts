import type { Note } from '@wombat/proto/plugin';
import { z } from 'zod';
import { nearest } from '@wombat/proto';
import { hasErrors, note } from './note.js';
import { secretKeyword } from './secret.js';
import { readTextValue, type PropertySchema } from './text-value.js';

export type JsonObject = Readonly<Record<string, unknown>>;

type Issue = z.core.$ZodIssue;

interface ObjectSchema extends PropertySchema {
  readonly properties?: Readonly<Record<string, PropertySchema>>;
  readonly additionalProperties?: boolean | PropertySchema;
}

export type Reading<Output> =
  | { readonly ok: true; readonly value: Output; readonly notes: readonly Note[] }
  | { readonly ok: false; readonly notes: readonly Note[] };

/** Settings as a zod schema describes them: reads text, checks, and never shows a secret. */
export class Settings<Shape extends z.ZodObject> {
  /** JSON Schema (2020-12) of what may be given. */
  readonly jsonSchema: string;
  readonly names: readonly string[];
  readonly secretNames: readonly string[];
  readonly #schema: Shape;
  readonly #properties: Readonly<Record<string, PropertySchema>>;
  readonly #isOpen: boolean;

  /** @throws Error when a secret is not a setting of its own */
  constructor(schema: Shape) {
    const json = z.toJSONSchema(schema, { io: 'input' }) as ObjectSchema;
    this.#schema = schema;
    this.#properties = json.properties ?? {};
    this.#isOpen = json.additionalProperties !== undefined && json.additionalProperties !== false;
    this.jsonSchema = JSON.stringify(json);
    this.names = Object.keys(this.#properties);
    this.secretNames = this.names.filter((name) => secretKeyword in this.#properties[name]!);
    for (const [name, property] of Object.entries(this.#properties)) {
      if (!(secretKeyword in property) && JSON.stringify(property).includes(`"${secretKeyword}"`)) {
        throw new Error(`setting ${name}: a secret must be a setting of its own, not a part of one`);
      }
    }
  }

  /** Text values become what the schema asks for; all else stays. The result can be stored and read again. */
  normalise(given: JsonObject): JsonObject {
    return Object.fromEntries(Object.entries(given).map(([name, value]) => {
      const property = Object.hasOwn(this.#properties, name) ? this.#properties[name] : undefined;
      return [name, typeof value === 'string' && property ? readTextValue(value, property) : value];
    }));
  }

  /** What the plugin is handed: checked, with defaults filled in. */
  read(given: JsonObject): Reading<z.output<Shape>> {
    const values = this.normalise(given);
    const result = this.#schema.safeParse(values);
    const issues = (result.error?.issues ?? []).filter((issue) => !isUnknownName(issue));
    const notes = [...this.#unknownNames(values), ...issues.map((issue) => this.#toNote(issue))];
    const shown = notes.map((each) => this.#withoutSecrets(each, given));
    return result.success && !hasErrors(notes) ? { ok: true, value: result.data, notes: shown } : { ok: false, notes: shown };
  }

  #unknownNames(given: JsonObject): Note[] {
    if (this.#isOpen) return [];
    return Object.keys(given).filter((name) => !this.names.includes(name)).map((name) => {
      const meant = nearest(name, this.names);
      return note.error(name, meant === undefined ? 'there is no such setting' : `there is no such setting; did you mean ${meant}?`);
    });
  }

  #toNote(issue: Issue): Note {
    const [first, ...rest] = issue.path.map(String);
    const field = first === undefined ? '' : [first, ...rest].join('.');
    if (first !== undefined && this.secretNames.includes(first)) return note.error(field, secretMessage(issue));
    return note.error(field, isMissing(issue) ? 'is required' : issue.message);
  }

  /** Messages of a plugin's own checks may quote what was given: whoever quotes a secret is silenced. */
  #withoutSecrets(each: Note, given: JsonObject): Note {
    const values = this.secretNames.map((name) => given[name]).filter((value) => typeof value === 'string' && value !== '');
    const shows = values.some((value) => each.message.includes(value as string) || each.field.includes(value as string));
    return shows ? { ...each, field: this.names.includes(each.field) ? each.field : '', message: 'is not valid' } : each;
  }
}

/** Told by #unknownNames already, with the nearest name. */
function isUnknownName(issue: Issue): boolean {
  return issue.code === 'unrecognized_keys' && issue.path.length === 0;
}

function isMissing(issue: Issue): boolean {
  return issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
}

/** From the code of the issue alone: nothing that was given can be in it. */
function secretMessage(issue: Issue): string {
  if (isMissing(issue)) return 'is required';
  if (issue.code === 'invalid_type') return 'must be text';
  if (issue.code === 'too_small') return 'is too short';
  if (issue.code === 'too_big') return 'is too long';
  return 'is not valid';
}
