import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { isAbsolute, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Attribute } from '@wombat/proto/types';
import { WombatError } from '@wombat/proto';
import { parseLabel } from '../facts/labels.js';
import { parseCoordinatorAddress, type CoordinatorAddress } from '../identity/coordinator-address.js';
import { environmentName, settingNames, settingOf, type SettingName } from './settings.js';

/** Everything the agent is told from outside, checked. */
export interface AgentConfiguration {
  readonly directory: string;
  readonly coordinator: CoordinatorAddress;
  readonly joinTokenFile: string | undefined;
  readonly address: string | undefined;
  readonly labels: readonly Attribute[];
  /** Empty: all addresses. */
  readonly epmdAddresses: readonly string[];
  readonly epmdDirectory: string;
  readonly execPolicyFile: string | undefined;
  readonly execQueue: number;
  readonly logLevel: LogLevel;
  readonly logFile: string | undefined;
}

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export type CommandLine =
  | { readonly kind: 'run'; readonly configuration: AgentConfiguration }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' };

type Values = Partial<Record<SettingName, readonly string[]>>;
type Environment = Readonly<Record<string, string | undefined>>;

/** @throws WombatError WO_CONFIG_INVALID that names the flag, variable or key */
export function readCommandLine(args: readonly string[], environment: Environment): CommandLine {
  const flags = parseFlags(args);
  if (flags.help) return { kind: 'help' };
  if (flags.version) return { kind: 'version' };
  const file = flags.configuration ?? environment.WOMBAT_AGENT_CONFIGURATION;
  const values = { ...defaults(), ...(file ? fromFile(file) : {}), ...fromEnvironment(environment), ...flags.values };
  return { kind: 'run', configuration: check(values) };
}

interface Flags {
  readonly values: Values;
  readonly configuration: string | undefined;
  readonly help: boolean;
  readonly version: boolean;
}

function parseFlags(args: readonly string[]): Flags {
  const string = { type: 'string', multiple: true } as const;
  const options = Object.fromEntries(settingNames.map((name) => [name, string]));
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { ...options, configuration: { type: 'string' }, help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' } },
      strict: true,
      allowPositionals: false,
    });
    const { configuration, help, version, ...rest } = values as Record<string, unknown>;
    return { values: splitLists(rest as Values), configuration: configuration as string | undefined, help: help === true, version: version === true };
  } catch (error) {
    throw invalid((error as Error).message.split('. ')[0]!);
  }
}

function defaults(): Values {
  const pairs = settingNames.map((name) => [name, settingOf(name).default] as const);
  return Object.fromEntries(pairs.flatMap(([name, value]) => (value === undefined ? [] : [[name, [value]]])));
}

function fromEnvironment(environment: Environment): Values {
  const pairs = settingNames.map((name) => [name, environment[environmentName(name)]] as const);
  return splitLists(Object.fromEntries(pairs.flatMap(([name, value]) => (value ? [[name, [value]]] : []))));
}

function fromFile(path: string): Values {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw invalid(`the configuration file ${path} cannot be read: ${(error as Error).message}`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) throw invalid(`${path} holds no JSON object`);
  return Object.fromEntries(Object.entries(content).map(([name, value]) => {
    if (!(settingNames as readonly string[]).includes(name)) throw invalid(`${path} has an unknown key: ${name}`);
    const values: unknown[] = Array.isArray(value) ? value : [value];
    if (!values.every((item) => typeof item === 'string')) throw invalid(`${path}: ${name} is a string, or a list of strings`);
    return [name, values];
  }));
}

function splitLists(values: Values): Values {
  return Object.fromEntries(Object.entries(values).map(([name, list]) => {
    const { isList } = settingOf(name as SettingName);
    return [name, isList ? list.flatMap((item) => item.split(',')).filter((item) => item !== '') : list];
  }));
}

function check(values: Values): AgentConfiguration {
  // The last one counts when a single value was given more than once.
  const one = (name: SettingName): string | undefined => values[name]?.at(-1);
  const path = (name: SettingName): string | undefined => optional(one(name), resolve);
  const coordinator = one('coordinator');
  if (coordinator === undefined) throw invalid('--coordinator HOST:PORT is needed');
  const directory = absolute('directory', one('directory')!);
  return {
    directory,
    coordinator: parseCoordinatorAddress(coordinator),
    joinTokenFile: path('join-token-file'),
    address: optional(one('address'), (text) => checkAddress('address', text)),
    labels: (values.label ?? []).map(parseLabel),
    epmdAddresses: (values['epmd-addresses'] ?? []).map((text) => checkAddress('epmd-addresses', text)),
    epmdDirectory: path('epmd-directory') ?? join(directory, 'epmd'),
    execPolicyFile: path('exec-policy'),
    execQueue: wholeNumber('exec-queue', one('exec-queue')!),
    logLevel: checkLevel(one('log-level')!),
    logFile: path('log-file'),
  };
}

function optional<Value>(text: string | undefined, convert: (text: string) => Value): Value | undefined {
  return text === undefined || text === '' ? undefined : convert(text);
}

function absolute(name: SettingName, text: string): string {
  if (text === '') throw invalid(`--${name} is empty`);
  return isAbsolute(text) ? text : resolve(text);
}

function checkAddress(name: SettingName, text: string): string {
  if (isIP(text) === 0) throw invalid(`--${name} wants an IP address: ${JSON.stringify(text.slice(0, 80))}`);
  return text;
}

function wholeNumber(name: SettingName, text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw invalid(`--${name} wants a whole number: ${JSON.stringify(text.slice(0, 80))}`);
  return Number(text);
}

function checkLevel(text: string): LogLevel {
  const level = logLevels.find((known) => known === text);
  if (!level) throw invalid(`--log-level is one of ${logLevels.join(', ')}`);
  return level;
}

function invalid(message: string): WombatError {
  return new WombatError('WO_CONFIG_INVALID', message, { hint: 'see: wo agent --help' });
}
