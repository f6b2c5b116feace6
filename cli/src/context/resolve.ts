import { resolve as resolvePath } from 'node:path';
import { WombatError } from '@wombat/proto';
import type { GlobalFlags } from '../global-options.js';
import type { Io } from '../terminal/io.js';
import { readConfigFile, readProjectContext, type ConfigFile, type ContextEntry } from './config-file.js';
import { configDirectory } from './paths.js';

/** A value and who said it: "--context", "WO_ADDR", or a file. */
export interface Sourced {
  readonly value: string;
  readonly source: string;
}

/** What a command would connect with, and where each part comes from. */
export interface ResolvedContext {
  readonly config: ConfigFile;
  readonly name: Sourced | undefined;
  readonly address: Sourced | undefined;
  readonly tokenFile: Sourced | undefined;
  readonly caFile: Sourced | undefined;
  readonly clusterId: Sourced | undefined;
}

/** Flag, then environment, then the project's wombat.toml, then the user's config.toml. */
export async function resolveContext(flags: Pick<GlobalFlags, 'context' | 'address'>, io: Pick<Io, 'env' | 'cwd'>): Promise<ResolvedContext> {
  const { env, cwd } = io;
  const config = await readConfigFile(configDirectory(env), env);
  const name = await chooseName(flags.context, config, env, cwd);
  const entry: ContextEntry = name ? contextNamed(name, config) : {};
  const from = (key: keyof ContextEntry, variable?: string, flag?: Sourced): Sourced | undefined =>
    flag ?? fromEnvironment(env, cwd, variable) ?? (entry[key] ? { value: entry[key], source: config.path } : undefined);
  return {
    config,
    name,
    address: from('address', 'WO_ADDR', flags.address ? { value: flags.address, source: '--address' } : undefined),
    tokenFile: from('tokenFile', 'WO_TOKEN_FILE'),
    caFile: from('caFile', 'WO_CA_FILE'),
    clusterId: from('clusterId'),
  };
}

async function chooseName(flag: string | undefined, config: ConfigFile, env: Io['env'], cwd: string): Promise<Sourced | undefined> {
  if (flag) return { value: flag, source: '--context' };
  if (env['WO_CONTEXT']) return { value: env['WO_CONTEXT'], source: 'WO_CONTEXT' };
  // A directory given by hand (a `wo dev --dir`) is meant as it is: no project speaks into it.
  const project = env['WO_CONFIG_DIR'] ? undefined : await readProjectContext(cwd);
  if (project) return { value: project.context, source: project.path };
  return config.current ? { value: config.current, source: config.path } : undefined;
}

function contextNamed(name: Sourced, config: ConfigFile): ContextEntry {
  const entry = Object.hasOwn(config.contexts, name.value) ? config.contexts[name.value] : undefined;
  if (entry) return entry;
  const known = Object.keys(config.contexts).join(', ') || 'none';
  throw new WombatError('WO_NO_CONTEXT', `there is no context ${JSON.stringify(name.value)} (named by ${name.source}); ${config.path} has: ${known}`, {
    hint: 'choose one (wo context list), or make it known: wo context add NAME',
  });
}

function fromEnvironment(env: Io['env'], cwd: string, variable: string | undefined): Sourced | undefined {
  const value = variable && env[variable];
  if (!value) return undefined;
  return { value: variable.endsWith('_FILE') ? resolvePath(cwd, value) : value, source: variable };
}
