import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '@wombat/plugin-sdk';
import { isId, orAborted, systemClock, withDeadline, WombatError, type Clock } from '@wombat/proto';
import type { Provider } from '../domain/model/provider.js';
import type { Catalog } from './catalog.js';
import { createHostServices, type HostServiceSources } from './host-services.js';
import { ProviderHost, type ProviderTimeouts } from './provider-host.js';
import { Redaction } from './redaction.js';

export interface ProviderInstancesOptions {
  readonly catalog: Pick<Catalog, 'driver'>;
  readonly clusterId: string;
  /** Each provider gets a directory in here, named by its id. */
  readonly dataDirectory: string;
  /** Opens `sealedSecrets` of the row: name -> value. */
  readonly openSecrets: (provider: Provider) => Readonly<Record<string, string>>;
  readonly sources: HostServiceSources;
  readonly timeouts?: Partial<ProviderTimeouts>;
  /** @default the system's */
  readonly clock?: Clock;
  /** How long adopting is waited for; it goes on by itself. @default 2 s */
  readonly adoptWaitMs?: number;
}

/** What a provider is opened with: a stored one, or one that is about to be registered. */
export interface ProviderDraft {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  /** Secrets included. */
  readonly settings: JsonObject;
}

interface Kept {
  readonly draft: ProviderDraft;
  readonly host: ProviderHost;
  revision: number;
}

const adoptTimeoutMs = 60_000;

/** The connected providers, one instance for each registered one. */
export class ProviderInstances {
  readonly #options: ProviderInstancesOptions;
  readonly #kept = new Map<string, Kept>();
  /** Ends of earlier instances: a new one of the same provider waits for them. */
  readonly #endings = new Map<string, Promise<void>>();
  #isClosed = false;

  constructor(options: ProviderInstancesOptions) {
    this.#options = options;
  }

  /**
   * The instance of a stored provider. It is replaced when name, driver, settings or secrets have
   * changed; other writes of the row leave it alone.
   *
   * @throws WombatError WO_DRIVER_UNKNOWN, WO_UNAVAILABLE when the coordinator stops
   */
  async get(provider: Provider): Promise<ProviderHost> {
    const kept = this.#kept.get(provider.id);
    if (kept?.revision === provider.revision) return kept.host;
    const draft = {
      id: provider.id, name: provider.name, driver: provider.driver,
      settings: { ...provider.settings, ...this.#options.openSecrets(provider) },
    };
    if (kept && isDeepStrictEqual(kept.draft, draft)) {
      kept.revision = Math.max(kept.revision, provider.revision);
      return kept.host;
    }
    const host = this.open(draft);
    if (kept) this.#end(provider.id, kept.host);
    this.#kept.set(provider.id, { draft, host, revision: provider.revision });
    return host;
  }

  /**
   * An instance that is not kept, to try settings with before they are stored. The caller closes it.
   *
   * @throws WombatError WO_DRIVER_UNKNOWN, WO_UNAVAILABLE when the coordinator stops
   */
  open(draft: ProviderDraft): ProviderHost {
    if (this.#isClosed) throw new WombatError('WO_UNAVAILABLE', 'the coordinator is stopping');
    const { catalog, clusterId, sources, timeouts = {}, clock = systemClock } = this.#options;
    const plugin = catalog.driver(draft.driver);
    const redaction = Redaction.of(draft.settings, plugin.secretSettings);
    const host = createHostServices({
      who: `provider(${draft.name})`, providerId: draft.id, abilities: plugin.abilities, redaction, sources, clock,
    });
    return new ProviderHost({
      plugin, providerId: draft.id, name: draft.name, clusterId, settings: draft.settings, redaction, host, timeouts,
      prepareDirectory: async () => await this.#prepareDirectory(draft.id),
    });
  }

  /**
   * Connects at the start of the coordinator, so that drivers which look after their hosts take them
   * up again. What cannot be connected is logged and tried again with its next call; who is slow is
   * not waited for.
   */
  async adopt(providers: readonly Provider[]): Promise<void> {
    const all = Promise.all(providers.map(async (provider) => await this.#adopt(provider)));
    await orAborted(all, withDeadline(this.#options.adoptWaitMs ?? 2_000, 'connecting')).catch(() => undefined);
  }

  async #adopt(provider: Provider): Promise<void> {
    try {
      const host = await this.get(provider);
      await host.ready({ signal: withDeadline(adoptTimeoutMs, 'connecting') });
    } catch (error) {
      this.#options.sources.log.warn({ providerId: provider.id }, WombatError.from(error).message);
    }
  }

  /** The provider was removed. */
  async remove(providerId: string): Promise<void> {
    const kept = this.#kept.get(providerId);
    this.#kept.delete(providerId);
    if (kept) this.#end(providerId, kept.host);
    await this.#endings.get(providerId);
  }

  /** The coordinator stops. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#kept.keys()].map((providerId) => this.remove(providerId)));
    await Promise.all(this.#endings.values());
  }

  #end(providerId: string, host: ProviderHost): void {
    const before = this.#endings.get(providerId);
    const ending = Promise.all([before, host.close()]).then(() => {
      if (this.#endings.get(providerId) === ending) this.#endings.delete(providerId);
    });
    this.#endings.set(providerId, ending);
  }

  async #prepareDirectory(providerId: string): Promise<string> {
    if (!isId(providerId, 'prv')) throw new Error(`${JSON.stringify(providerId)} is no id of a provider`);
    await this.#endings.get(providerId);
    const directory = join(this.#options.dataDirectory, providerId);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return directory;
  }
}
