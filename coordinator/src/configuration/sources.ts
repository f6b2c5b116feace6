import { parse as parseToml, TomlError } from 'smol-toml';
import { editDistance, nearest, WombatError } from '@wombat/proto';
import type { ConfigurationKey } from './configuration.js';
import { flagOf, keyNames, keys, variableOf } from './keys.js';
import { fromText } from './values.js';

/** A value that was given, and where, for the message when it does not fit. */
export interface Given {
  readonly value: unknown;
  readonly where: string;
}

export interface Source {
  readonly given: ReadonlyMap<ConfigurationKey, Given>;
  readonly problems: readonly string[];
}

export const configVariable = 'WOMBAT_CONFIG';
export const configFlag = 'config';

/** @throws WombatError WO_CONFIG_INVALID when it is no TOML at all */
export function fromFile(text: string, file: string): Source {
  let document: Record<string, unknown>;
  try {
    document = parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new WombatError('WO_CONFIG_INVALID', `${file}:${error.line}: ${error.message.split('\n')[0]}`);
  }
  const given = new Map<ConfigurationKey, Given>();
  const problems: string[] = [];
  for (const [key, value] of flatten(document)) {
    if (isKey(key)) given.set(key, { value, where: file });
    else problems.push(unknown(`${file}: unknown key ${key.slice(0, 100)}`, nearest(key, keyNames)));
  }
  return { given, problems };
}

/** Variables that are not ours are left alone, unless they look like a slip of one that is. */
export function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): Source {
  const byVariable = new Map<string, ConfigurationKey>(keyNames.map((key) => [variableOf(key), key]));
  const sections = new Set(keyNames.filter((key) => key.includes('.')).map((key) => `${variableOf(key.split('.')[0]!)}_`));
  const given = new Map<ConfigurationKey, Given>();
  const problems: string[] = [];
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith('WOMBAT_') || variable === configVariable || text === undefined) continue;
    const key = byVariable.get(variable);
    if (key) {
      given.set(key, { value: fromText(keys[key].form, text), where: variable });
      continue;
    }
    const near = nearest(variable, [...byVariable.keys()]);
    const isMeant = [...sections].some((section) => variable.startsWith(section)) || (near !== undefined && editDistance(variable, near) <= 2);
    if (isMeant) problems.push(unknown(`unknown variable ${variable.slice(0, 100)}`, near));
  }
  return { given, problems };
}

/** `--control-address HOST:PORT` or `--control-address=HOST:PORT`; lists may be repeated. */
export function fromFlags(argv: readonly string[]): Source & { readonly file: string | undefined } {
  const byFlag = new Map<string, ConfigurationKey>(keyNames.map((key) => [flagOf(key), key]));
  const given = new Map<ConfigurationKey, Given>();
  const problems: string[] = [];
  let file: string | undefined;
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const match = /^--([^=]+)(?:=([\s\S]*))?$/.exec(word);
    const name = match?.[1];
    const key = name === undefined ? undefined : byFlag.get(name);
    if (!match || (name !== configFlag && !key)) {
      problems.push(unknown(`unknown argument ${word.slice(0, 100)}`, match ? asFlag(nearest(name!, [...byFlag.keys(), configFlag])) : undefined));
      continue;
    }
    const isBare = key !== undefined && keys[key].form === 'boolean' && match[2] === undefined;
    const text = isBare ? 'true' : (match[2] ?? rest.shift());
    if (text === undefined) problems.push(`--${name} needs a value`);
    else if (!key) file = text;
    else given.set(key, { value: joined(key, given.get(key), text), where: `--${name}` });
  }
  return { given, problems, file };
}

function joined(key: ConfigurationKey, before: Given | undefined, text: string): unknown {
  const value = fromText(keys[key].form, text);
  return keys[key].form === 'list' && before ? [...(before.value as unknown[]), ...(value as unknown[])] : value;
}

function* flatten(table: Record<string, unknown>, prefix = ''): Generator<[string, unknown]> {
  for (const [name, value] of Object.entries(table)) {
    const key = prefix + name;
    const isTable = typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
    if (isTable && !isKey(key)) yield* flatten(value as Record<string, unknown>, `${key}.`);
    else yield [key, value];
  }
}

function isKey(text: string): text is ConfigurationKey {
  return Object.hasOwn(keys, text);
}

function asFlag(name: string | undefined): string | undefined {
  return name === undefined ? undefined : `--${name}`;
}

function unknown(what: string, near: string | undefined): string {
  return near === undefined ? what : `${what}; did you mean ${near}?`;
}
