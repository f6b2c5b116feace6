import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { WombatError } from '@wombat/proto';
import { parse, stringify } from 'smol-toml';
import { home } from './paths.js';

/** How to reach one coordinator. Paths are absolute once read. */
export interface ContextEntry {
  readonly address?: string;
  /** File that holds the bearer token. */
  readonly tokenFile?: string;
  /** PEM of the coordinator's certificate authority. */
  readonly caFile?: string;
  /** Read from the authority's certificate when left out. */
  readonly clusterId?: string;
}

/** config.toml: `current = "dev"` and a table `[contexts.dev]` for each coordinator. */
export interface ConfigFile {
  readonly path: string;
  readonly current?: string;
  readonly contexts: Readonly<Record<string, ContextEntry>>;
}

const keys = ['address', 'tokenFile', 'caFile', 'clusterId'] as const;

/** A missing file is an empty one. @throws WombatError WO_CONFIG_INVALID */
export async function readConfigFile(directory: string, env: Readonly<Record<string, string | undefined>>): Promise<ConfigFile> {
  const path = join(resolve(directory), 'config.toml');
  const document = await readToml(path);
  const contexts: Record<string, ContextEntry> = {};
  for (const [name, entry] of Object.entries(tableOf(document['contexts'], path, 'contexts'))) {
    contexts[name] = readEntry(tableOf(entry, path, `contexts.${name}`), path, name, env);
  }
  const current = textOf(document['current'], path, 'current');
  return { path, contexts, ...(current !== undefined && { current }) };
}

/** The context that a project's wombat.toml names; it can name one, never define one: it may come from anywhere. */
export async function readProjectContext(directory: string): Promise<{ path: string; context: string } | undefined> {
  for (let folder = resolve(directory); ; folder = dirname(folder)) {
    const path = join(folder, 'wombat.toml');
    const context = textOf((await readToml(path))['context'], path, 'context');
    if (context !== undefined) return { path, context };
    if (folder === dirname(folder)) return undefined;
  }
}

/** Written whole under another name, then renamed; readable by its owner alone. */
export async function writeConfigFile(config: ConfigFile): Promise<void> {
  await mkdir(dirname(config.path), { recursive: true, mode: 0o700 });
  const { current, contexts } = config;
  const text = stringify({ ...(current !== undefined && { current }), contexts });
  const temporary = `${config.path}.${process.pid}`;
  await writeFile(temporary, `${text}\n`, { mode: 0o600 });
  await rename(temporary, config.path);
}

async function readToml(path: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return {};
    throw invalid(path, `cannot be read (${code})`);
  }
  try {
    return parse(text);
  } catch (error) {
    throw invalid(path, `is no TOML: ${(error as Error).message.split('\n')[0]}`);
  }
}

function readEntry(table: Record<string, unknown>, path: string, name: string, env: Readonly<Record<string, string | undefined>>): ContextEntry {
  const unknown = Object.keys(table).find((key) => !keys.some((known) => known === key));
  if (unknown !== undefined) throw invalid(path, `contexts.${name} has an unknown key ${unknown}; known are ${keys.join(', ')}`);
  const entry: Record<string, string> = {};
  for (const key of keys) {
    const value = textOf(table[key], path, `contexts.${name}.${key}`);
    if (value !== undefined) entry[key] = key.endsWith('File') ? pathFrom(dirname(path), value, env) : value;
  }
  return entry;
}

/** Relative to the file that names it, so that a dev directory can be moved. */
function pathFrom(folder: string, path: string, env: Readonly<Record<string, string | undefined>>): string {
  if (path.startsWith('~/')) return join(home(env), path.slice(2));
  return isAbsolute(path) ? path : join(folder, path);
}

function tableOf(value: unknown, path: string, key: string): Record<string, unknown> {
  if (value === undefined) return {};
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid(path, `${key} is no table`);
}

function textOf(value: unknown, path: string, key: string): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw invalid(path, `${key} is no text`);
}

function invalid(path: string, what: string): WombatError {
  return new WombatError('WO_CONFIG_INVALID', `${path}: ${what}`);
}
