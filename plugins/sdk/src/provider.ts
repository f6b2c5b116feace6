import type {
  CreateHostResult, Description, DestroyHostResult, FirewallRule, HardwareProfile, HostSpec, Image, Machine, Note, Price,
  ProviderAbilities, Quota, Region, Zone,
} from '@wombat/proto/plugin';
import type { HostServices } from './host-services.js';
import type { JsonObject } from './settings.js';

/** Given to every call. The deadline is the caller's: when the signal fires, stop and leave nothing untagged. */
export interface CallContext {
  readonly signal: AbortSignal;
}

/** What a driver is configured with, once, before all calls. */
export interface ProviderConfiguration<Settings = JsonObject> {
  /** Checked against the driver's schema; secrets included. */
  readonly settings: Settings;
  readonly providerId: string;
  /** Value of the tag `wombat-cluster` on everything that is made. */
  readonly clusterId: string;
  /** A directory of the provider's own, kept between starts. */
  readonly dataDirectory: string;
  readonly host: HostServices;
}

export interface ListPage {
  readonly region: string;
  readonly query: string;
  readonly pageSize: number;
  readonly pageToken: string;
}

/**
 * One registered provider. Promises: calls for different hosts come at once; the caller enforces
 * deadlines through the signal; throttling is reported, not slept through.
 */
export interface ProviderInstance {
  verify(context: CallContext): Promise<{ readonly identity: string; readonly notes: readonly Note[] }>;
  listImages(page: ListPage, context: CallContext): Promise<{ readonly images: readonly Image[]; readonly nextPageToken: string }>;
  listHardwareProfiles(
    page: ListPage,
    context: CallContext,
  ): Promise<{ readonly hardwareProfiles: readonly HardwareProfile[]; readonly nextPageToken: string }>;
  listRegions(context: CallContext): Promise<readonly Region[]>;
  listZones(region: string, context: CallContext): Promise<readonly Zone[]>;
  /** A result for each key, idempotent by key, also when others of the batch fail. */
  createHosts(hosts: readonly HostSpec[], context: CallContext): Promise<readonly CreateHostResult[]>;
  /** Everything that carries the configured cluster's tag, nothing else; each machine with its tags. */
  listHosts(context: CallContext): Promise<readonly Machine[]>;
  /** Destroying what is not there succeeds. */
  destroyHosts(machineIds: readonly string[], context: CallContext): Promise<readonly DestroyHostResult[]>;
  /** Ability `firewall`. Comes before the first host of the group; without rules the group may be removed. Answers the rules that nobody had asked for. */
  ensureFirewall?(group: string, rules: readonly FirewallRule[], context: CallContext): Promise<readonly FirewallRule[]>;
  /** Ability `quota`. */
  getQuota?(region: string, context: CallContext): Promise<readonly Quota[]>;
  /** Ability `prices`. */
  listPrices?(region: string, context: CallContext): Promise<readonly Price[]>;
  /** Ability `consoleLog`. */
  getConsoleLog?(machineId: string, context: CallContext): Promise<Uint8Array>;
  /** The coordinator stops, or the provider was removed. Machines stay. */
  close?(): Promise<void>;
}

/** What the catalog holds of a driver: the result of `defineProvider`. */
export interface ProviderPlugin {
  readonly kind: 'provider';
  readonly description: Description;
  readonly abilities: ProviderAbilities;
  readonly credentialSettings: readonly string[];
  /** Names of the settings that are secret. */
  readonly secretSettings: readonly string[];
  /** Without I/O. Answers the settings with text values read as the schema asks, fit to be stored. */
  validate(settings: JsonObject): { readonly notes: readonly Note[]; readonly settings: JsonObject };
  /** @throws ProviderError invalid when the settings do not fit the schema (any more) */
  connect(configuration: ProviderConfiguration): Promise<ProviderInstance>;
}
