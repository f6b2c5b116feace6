import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { Command } from 'commander';
import { PluginKind, type JsonObject } from '@wombat/plugin-sdk';
import { checks } from './checks/index.js';
import type { ConformanceOptions, Provocation } from './options.js';
import { providerConformance } from './provider-conformance.js';
import type { ConformanceReport } from './run/run-checks.js';
import { kindOf } from './run/kind-of.js';
import { strategyChecks } from './strategy-checks/index.js';
import { strategyConformance } from './strategy-conformance.js';
import { formatTable } from './table.js';

interface Flags {
  readonly settings?: string;
  readonly set: JsonObject;
  readonly option: Readonly<Record<string, string>>;
  readonly host: Readonly<Record<string, string>>;
  readonly authFailure?: JsonObject;
  readonly throttling?: JsonObject;
  readonly machines?: number;
  readonly settle?: number;
  readonly slack?: number;
  readonly only?: string[];
  readonly list?: true;
}

/** The command `wombat-conformance`. Answers its exit code: 0 when no check failed, 1 when one did, 2 when it was asked wrongly. */
export async function main(words: readonly string[]): Promise<number> {
  let code = 0;
  const program = new Command('wombat-conformance')
    .description('Checks that a plugin keeps its promises: a provider, or a bootstrap strategy. A provider\'s machines are made with the settings that are given, and destroyed again.')
    .argument('[command...]', 'program of the plugin, behind --')
    .option('--settings <file>', 'JSON file with settings; - reads standard input')
    .option('--set <key=value>', 'a setting; as often as needed', pair, {})
    .option('--option <key=value>', 'of a strategy, as in --clust-opt KEY:VALUE; as often as needed', pair, {})
    .option('--host <key=value>', 'image, hardwareProfile, region or zone of the machines; default: the first that the plugin lists', hostPair, {})
    .option('--auth-failure <key=value>', 'a setting with which the credentials are refused', pair)
    .option('--throttling <key=value>', 'a setting with which the provider throttles', pair)
    .option('--machines <n>', 'how many machines may be there at once (default: 20)', wholeNumber)
    .option('--settle <ms>', 'how long a machine may stay out of lists (default: as the plugin says)', wholeNumber)
    .option('--slack <factor>', 'stretches bounds of time, on a busy machine (default: 1)', factor)
    .option('--only <check...>', 'these checks only')
    .option('--list', 'print the checks and what each is about')
    .exitOverride()
    .action(async (command: string[], flags: Flags) => {
      code = await run(command, flags);
    });
  try {
    await program.parseAsync(words, { from: 'user' });
    return code;
  } catch (error) {
    const { exitCode, message } = error as { readonly exitCode?: number; readonly message: string };
    // What commander refuses it has told already.
    if (exitCode === undefined) process.stderr.write(`wombat-conformance: ${message}\n`);
    return exitCode === 0 ? 0 : 2;
  }
}

async function run(command: readonly string[], flags: Flags): Promise<number> {
  if (flags.list) {
    process.stdout.write(`A provider:\n${lines(checks)}A bootstrap strategy:\n${lines(strategyChecks)}`);
    return 0;
  }
  if (command.length === 0) throw new Error('name the program of the plugin behind --: wombat-conformance --set region=eu1 -- node dist/program.js');
  const interruption = new AbortController();
  const interrupt = (): void => {
    process.stderr.write('wombat-conformance: the check that runs is the last; then what was made is destroyed\n');
    interruption.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  const report = await check(command, flags, interruption.signal);
  process.stdout.write(`${formatTable(report)}\n`);
  return interruption.signal.aborted || report.results.some(({ state }) => state === 'failed') ? 1 : 0;
}

/** As what the plugin says that it is; one that cannot say is checked as a provider. */
async function check(command: readonly string[], flags: Flags, signal: AbortSignal): Promise<ConformanceReport> {
  if ((await kindOf(command)) !== PluginKind.BOOTSTRAP_STRATEGY) return await providerConformance({ ...await toOptions(command, flags), signal });
  const { option, only, slack } = flags;
  return await strategyConformance({ command, options: option, signal, ...(only && { only }), ...(slack !== undefined && { slack }) });
}

function lines(promises: readonly { readonly name: string; readonly promise: string }[]): string {
  return promises.map(({ name, promise }) => `  ${name}: ${promise}\n`).join('');
}

async function toOptions(command: readonly string[], { settings, set, host, authFailure, throttling, machines, settle, slack, only }: Flags): Promise<ConformanceOptions> {
  return {
    command,
    settings: { ...(settings === undefined ? {} : await readSettings(settings)), ...set },
    host,
    ...given('authFailure', authFailure && provocation(authFailure)), ...given('throttling', throttling && provocation(throttling)),
    ...given('machines', machines), ...given('settleMs', settle), ...given('slack', slack), ...given('only', only),
  };
}

function given<Name extends keyof ConformanceOptions>(name: Name, value: ConformanceOptions[Name]): Partial<ConformanceOptions> {
  return value === undefined ? {} : { [name]: value };
}

function provocation(settings: JsonObject): Provocation {
  return { settings };
}

async function readSettings(file: string): Promise<JsonObject> {
  const text = file === '-' ? await readAll(process.stdin) : await readFile(file, 'utf8');
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  } catch {
    // Parts of the file could be secret: it is not quoted.
  }
  throw new Error(`${file} is no JSON object`);
}

function pair(text: string, before: JsonObject = {}): JsonObject {
  const at = text.indexOf('=');
  if (at < 1) throw new Error('settings are given as KEY=VALUE');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

const hostKeys = ['image', 'hardwareProfile', 'region', 'zone'];

function hostPair(text: string, before: JsonObject = {}): JsonObject {
  const pairs = pair(text, before);
  const unknown = Object.keys(pairs).find((key) => !hostKeys.includes(key));
  if (unknown !== undefined) throw new Error(`--host takes ${hostKeys.join(', ')}, not ${unknown}`);
  return pairs;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`${text} is no number`);
  return Number(text);
}

function factor(text: string): number {
  if (!/^\d{1,4}(\.\d{1,3})?$/.test(text) || Number(text) < 1) throw new Error(`${text} is no factor of 1 or more`);
  return Number(text);
}
