import { nearestHint, orAborted, systemClock, withDeadline, WombatError, type ErrorCode } from '@wombat/proto';
import { DriverHost } from './driver-host.js';
import { oneLine } from './one-line.js';
import { createPluginLog, type HostLog } from './host-services.js';
import { checkPlugin, type Driver, type Plugin } from './plugin-shape.js';
import { locatePlugin } from './plugin-source.js';
import type { OnBreak, ProgramTimes } from './programs/ask-program.js';
import { loadProgram } from './programs/load-program.js';
import type { PluginProgram, PluginSource } from './programs/plugin-program.js';
import { RemoteStrategy } from './programs/remote-strategy.js';
import { Redaction } from './redaction.js';
import { StrategyHost } from './strategy-host.js';

/** Plugins that come with Wombat, by package name. */
export const builtInPlugins: readonly string[] = [
  '@wombat/provider-local',
  '@wombat/provider-amazon-ec2',
  '@wombat/provider-openstack',
  '@wombat/provider-ssh',
  '@wombat/provider-docker',
  '@wombat/bootstrap-none',
  '@wombat/bootstrap-custom',
  '@wombat/bootstrap-erlang-mesh',
];

const importTimeoutMs = 10_000;

export interface CatalogEntry {
  /** Folder or package name as it was asked for, or path of the program. */
  readonly source: string;
  readonly plugin: Plugin;
}

export interface CatalogOptions {
  /** @default those that come with Wombat */
  readonly builtIn?: readonly string[];
  /** For what programs of plugins print. @default nowhere */
  readonly log?: HostLog;
  readonly times?: ProgramTimes;
}

/** The plugins of this coordinator, found and judged at its start. */
export class Catalog {
  readonly #entries: readonly CatalogEntry[];
  readonly #drivers = new Map<string, DriverHost>();
  readonly #strategies = new Map<string, StrategyHost>();
  /** Told when the program of a plugin is left alone because it ends again and again. */
  onBreak: OnBreak | undefined;

  /** @throws WombatError WO_PLUGIN_INVALID when two plugins bear one name */
  constructor(entries: readonly CatalogEntry[]) {
    const owners = new Map<string, string>();
    for (const { source, plugin } of entries) {
      const { name } = plugin.description;
      const owner = owners.get(name);
      if (owner !== undefined) throw invalid([`plugin ${name} (from ${source}): the name is taken by the plugin from ${owner}`]);
      owners.set(name, source);
      if (plugin.kind === 'provider') this.#drivers.set(name, new DriverHost(plugin));
      else this.#strategies.set(name, new StrategyHost(plugin));
    }
    this.#entries = entries;
  }

  /**
   * Imports the plugins, and asks the programs what they are; a source that is named twice counts once.
   * A program with the name of a plugin that comes with Wombat takes its place.
   *
   * @throws WombatError WO_PLUGIN_INVALID that tells every plugin that is wrong, and why
   */
  static async load(configured: readonly PluginSource[], baseDirectory: string, options: CatalogOptions = {}): Promise<Catalog> {
    const { builtIn = builtInPlugins } = options;
    const sources = [...new Set([...builtIn, ...configured])];
    const loaded: { catalog?: Catalog } = {};
    const onBreak: OnBreak = (told) => loaded.catalog?.onBreak?.(told);
    const results = await Promise.allSettled(sources.map(async (source) =>
      typeof source === 'string' ? await loadEntry(source, baseDirectory) : await loadProgramEntry(source, options, onBreak)));
    const entries = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const wrong = results.flatMap((result, index) => (result.status === 'rejected' ? [describe(sources[index]!, result.reason)] : []));
    if (wrong.length > 0) throw invalid(wrong);
    const programs = new Set(configured.flatMap((source) => (typeof source === 'string' ? [] : [source.name])));
    const replaced = ({ source, plugin }: CatalogEntry): boolean => builtIn.includes(source) && programs.has(plugin.description.name);
    loaded.catalog = new Catalog(entries.filter((entry) => !replaced(entry)));
    return loaded.catalog;
  }

  /** Ends the programs of strategies; those of providers end with their provider. */
  async close(): Promise<void> {
    await Promise.all(this.#entries.map(async ({ plugin }) => plugin instanceof RemoteStrategy && (await plugin.close())));
  }

  list(): readonly CatalogEntry[] {
    return this.#entries;
  }

  providers(): readonly Driver[] {
    return [...this.#drivers.values()];
  }

  strategies(): readonly StrategyHost[] {
    return [...this.#strategies.values()];
  }

  /** @throws WombatError WO_DRIVER_UNKNOWN */
  driver(name: string): Driver {
    return this.#drivers.get(name) ?? unknown('WO_DRIVER_UNKNOWN', 'driver', name, this.#drivers.keys());
  }

  /** @throws WombatError WO_STRATEGY_UNKNOWN */
  strategy(name: string): StrategyHost {
    return this.#strategies.get(name) ?? unknown('WO_STRATEGY_UNKNOWN', 'bootstrap strategy', name, this.#strategies.keys());
  }
}

async function loadEntry(source: string, baseDirectory: string): Promise<CatalogEntry> {
  const url = locatePlugin(source, baseDirectory);
  // A module may wait for ever at its top level.
  const module: unknown = await orAborted(import(url.href), withDeadline(importTimeoutMs, 'importing it'));
  return { source, plugin: checkPlugin(module) };
}

async function loadProgramEntry(program: PluginProgram, { log, times = {} }: CatalogOptions, onBreak: OnBreak): Promise<CatalogEntry> {
  const who = `plugin(${program.name})`;
  const pluginLog = createPluginLog({ who, log: log ?? silent, fields: { plugin: program.name }, redaction: new Redaction([]), clock: systemClock });
  const plugin = checkPlugin({ plugin: await loadProgram({ program, log: pluginLog, onBreak, times }) });
  return { source: program.command[0]!, plugin };
}

const silent: HostLog = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function describe(source: PluginSource, reason: unknown): string {
  return `plugin ${typeof source === 'string' ? source : source.name}: ${oneLine(reason instanceof Error ? reason.message : String(reason), 500)}`;
}

function invalid(wrong: readonly string[]): WombatError {
  return new WombatError('WO_PLUGIN_INVALID', wrong.join('; '));
}

function unknown(code: ErrorCode, what: string, name: string, names: Iterable<string>): never {
  const known = [...names].sort();
  const hint = nearestHint(name, known, `there are: ${known.join(', ')}`);
  throw new WombatError(code, `there is no ${what} ${JSON.stringify(oneLine(name, 64))}`, { hint });
}
