import { readFileSync } from 'node:fs';
import path from 'node:path';
import { WombatError } from '@wombat/proto';
import type { Configuration, ConfigurationKey } from './configuration.js';
import { keyNames, keys } from './keys.js';
import { configVariable, fromEnvironment, fromFile, fromFlags, type Given, type Source } from './sources.js';
import { isLoopback } from './values.js';

export interface ConfigurationInputs {
  /** Arguments of the process, without program and script. @default none */
  readonly argv?: readonly string[];
  /** @default none */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/**
 * Flag before environment before file before default. The file is `--config`, else `WOMBAT_CONFIG`,
 * else `wombat.toml` in the directory if there is one.
 * @throws WombatError WO_CONFIG_INVALID naming all that is wrong at once
 */
export function loadConfiguration(inputs: ConfigurationInputs): Configuration {
  const environment = inputs.environment ?? {};
  const flags = fromFlags(inputs.argv ?? []);
  const variables = fromEnvironment(environment);
  const file = readFile(flags.file ?? environment[configVariable], [flags, variables]);
  const sources = [flags, variables, ...(file ? [file] : [])];
  const problems = sources.flatMap((source) => source.problems);
  const values = new Map<ConfigurationKey, unknown>();
  for (const key of keyNames) {
    const outcome = valueOf(key, sources);
    if ('problem' in outcome) problems.push(outcome.problem);
    else if (outcome.value !== undefined) values.set(key, outcome.value);
  }
  if (problems.length === 0) problems.push(...contradictions(nest(values)));
  if (problems.length > 0) throw new WombatError('WO_CONFIG_INVALID', problems.join('; '));
  return nest(values);
}

function readFile(named: string | undefined, before: readonly Source[]): Source | undefined {
  const directory = valueOf('directory', before);
  const file = named ?? ('problem' in directory ? undefined : path.join(String(directory.value), 'wombat.toml'));
  if (file === undefined) return undefined;
  try {
    return fromFile(readFileSync(file, 'utf8'), file);
  } catch (error) {
    if (WombatError.is(error)) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && named === undefined) return undefined;
    throw new WombatError('WO_CONFIG_INVALID', `the configuration file ${file} cannot be read: ${code ?? String(error)}`, { cause: error });
  }
}

/** The first source that has the key wins, also when its value is refused. */
function valueOf(key: ConfigurationKey, sources: readonly Source[]): { value: unknown } | { problem: string } {
  const found = sources.map((source) => source.given.get(key)).find((given): given is Given => given !== undefined);
  const given = found ?? { value: keys[key].default(), where: 'default' };
  if (given.value === undefined) return { value: undefined };
  const parsed = keys[key].schema.safeParse(given.value);
  if (parsed.success) return { value: parsed.data };
  const issue = parsed.error.issues[0];
  return { problem: `${key} (${given.where}): ${issue?.message ?? 'is not allowed'}` };
}

function contradictions({ http, store }: Configuration): string[] {
  const isOpen = !http.tls && !isLoopback(http.address.host);
  return [
    ...(isOpen ? [`http.address: ${http.address.host} can be reached from other machines, so http.tls must be true`] : []),
    ...(store.password && !store.url ? ['store.password: it is of no use without store.url'] : []),
  ];
}

function nest(values: ReadonlyMap<ConfigurationKey, unknown>): Configuration {
  const nested: Record<string, unknown> = {};
  for (const key of keyNames) {
    const [section, name] = key.split('.') as [string, string | undefined];
    if (name === undefined) nested[section] = values.get(key);
    else {
      const members = (nested[section] ??= {}) as Record<string, unknown>;
      if (values.has(key)) members[name] = values.get(key);
    }
  }
  return nested as unknown as Configuration;
}
