import type { ProviderPlugin } from '@wombat/plugin-sdk';
import { nearestHint, orAborted, withDeadline, WombatError, type ErrorCode } from '@wombat/proto';
import { DriverHost } from './driver-host.js';
import { oneLine } from './one-line.js';
import { checkPlugin, type Plugin } from './plugin-shape.js';
import { locatePlugin } from './plugin-source.js';
import { StrategyHost } from './strategy-host.js';

/** Plugins that come with Wombat, by package name. */
export const builtInPlugins: readonly string[] = [
  '@wombat/provider-local',
  '@wombat/bootstrap-none',
  '@wombat/bootstrap-custom',
  '@wombat/bootstrap-erlang-mesh',
];

const importTimeoutMs = 10_000;

export interface CatalogEntry {
  /** Folder or package name, as it was asked for. */
  readonly source: string;
  readonly plugin: Plugin;
}

/** The plugins of this coordinator, found and judged at its start. */
export class Catalog {
  readonly #entries: readonly CatalogEntry[];
  readonly #drivers = new Map<string, DriverHost>();
  readonly #strategies = new Map<string, StrategyHost>();

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
   * Imports the plugins; a source that is named twice counts once.
   *
   * @throws WombatError WO_PLUGIN_INVALID that tells every plugin that is wrong, and why
   */
  static async load(configured: readonly string[], baseDirectory: string, builtIn: readonly string[] = builtInPlugins): Promise<Catalog> {
    const sources = [...new Set([...builtIn, ...configured])];
    const results = await Promise.allSettled(sources.map((source) => loadEntry(source, baseDirectory)));
    const entries = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const wrong = results.flatMap((result, index) => (result.status === 'rejected' ? [describe(sources[index]!, result.reason)] : []));
    if (wrong.length > 0) throw invalid(wrong);
    return new Catalog(entries);
  }

  list(): readonly CatalogEntry[] {
    return this.#entries;
  }

  providers(): readonly ProviderPlugin[] {
    return [...this.#drivers.values()];
  }

  strategies(): readonly StrategyHost[] {
    return [...this.#strategies.values()];
  }

  /** @throws WombatError WO_DRIVER_UNKNOWN */
  driver(name: string): ProviderPlugin {
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

function describe(source: string, reason: unknown): string {
  return `plugin ${source}: ${oneLine(reason instanceof Error ? reason.message : String(reason), 500)}`;
}

function invalid(wrong: readonly string[]): WombatError {
  return new WombatError('WO_PLUGIN_INVALID', wrong.join('; '));
}

function unknown(code: ErrorCode, what: string, name: string, names: Iterable<string>): never {
  const known = [...names].sort();
  const hint = nearestHint(name, known, `there are: ${known.join(', ')}`);
  throw new WombatError(code, `there is no ${what} ${JSON.stringify(oneLine(name, 64))}`, { hint });
}
