import type {
  CallContext, CreateHostResult, DestroyHostResult, FirewallRule, HardwareProfile, HostServices, HostSpec, Image, JsonObject, ListPage,
  Machine, Note, Price, ProviderFailure, ProviderInstance, Quota, Region, Zone,
} from '@wombat/plugin-sdk';
import { ProviderError, tagsOf } from '@wombat/plugin-sdk';
import { orAborted, withDeadline, WombatError } from '@wombat/proto';
import { FirewallRule as FirewallRuleCodec, Price as PriceCodec, Quota as QuotaCodec } from '@wombat/proto/plugin';
import { errorOfFailure } from '../domain/provider-failure.js';
import { readNotes } from './notes.js';
import { oneLine } from './one-line.js';
import { list, pageToken, readCreateResults, readDestroyResults, readHardwareProfile, readImage, readMachines } from './provider-answers.js';
import { cleanFailure, failureOf } from './provider-failure.js';
import type { Driver } from './plugin-shape.js';
import type { Redaction } from './redaction.js';
import { isSupervised } from './supervised.js';

export interface ProviderHostOptions {
  readonly plugin: Driver;
  readonly providerId: string;
  /** Name of the registered provider, for messages. */
  readonly name: string;
  readonly clusterId: string;
  /** Secrets included. */
  readonly settings: JsonObject;
  readonly redaction: Redaction;
  /** Answers the directory of the provider's own; called when the plugin is connected. */
  readonly prepareDirectory: () => Promise<string>;
  readonly host: HostServices;
  readonly timeouts?: Partial<ProviderTimeouts>;
}

export interface ProviderTimeouts {
  /** @default 30 s */
  readonly connectMs: number;
  /** For verify, lists and all that only reads. @default 60 s */
  readonly readMs: number;
  /** For one batch. @default 300 s */
  readonly createMs: number;
  /** For one batch. @default 120 s */
  readonly destroyMs: number;
  /** @default 10 s */
  readonly closeMs: number;
}

const defaultTimeouts: ProviderTimeouts = { connectMs: 30_000, readMs: 60_000, createMs: 300_000, destroyMs: 120_000, closeMs: 10_000 };

type Work<T> = (instance: ProviderInstance, context: CallContext) => Promise<T>;
type Ability = 'ensureFirewall' | 'getQuota' | 'listPrices' | 'getConsoleLog';

/**
 * One registered provider behind a guard. Connects on the first call, and again after it failed to;
 * keeps the deadlines; believes no answer before it is checked; names the provider in every error.
 */
export class ProviderHost implements ProviderInstance {
  readonly #options: ProviderHostOptions;
  readonly #timeouts: ProviderTimeouts;
  readonly #closing = new AbortController();
  readonly #failures = new WeakMap<WombatError, ProviderFailure>();
  #connection: Promise<ProviderInstance> | undefined;

  constructor(options: ProviderHostOptions) {
    this.#options = options;
    this.#timeouts = { ...defaultTimeouts, ...options.timeouts };
  }

  get listsAtOnce(): boolean {
    return this.#options.plugin.abilities.listsAtOnce;
  }

  /** Connects when that was not done yet. */
  async ready(context: CallContext): Promise<void> {
    await this.#call('connect', this.#timeouts.connectMs, context, async () => undefined);
  }

  async verify(context: CallContext): Promise<{ readonly identity: string; readonly notes: readonly Note[] }> {
    return await this.#read('verify', context, async (instance, call) => {
      const { identity, notes } = await instance.verify(call);
      return { identity: this.#text(identity, 256), notes: readNotes(notes).map((each) => ({ ...each, message: this.#text(each.message, 500) })) };
    });
  }

  async listImages(page: ListPage, context: CallContext): Promise<{ readonly images: readonly Image[]; readonly nextPageToken: string }> {
    return await this.#read('listImages', context, async (instance, call) => {
      const answer = await instance.listImages(page, call);
      return { images: list(answer.images).map(readImage), nextPageToken: pageToken(answer.nextPageToken) };
    });
  }

  async listHardwareProfiles(
    page: ListPage,
    context: CallContext,
  ): Promise<{ readonly hardwareProfiles: readonly HardwareProfile[]; readonly nextPageToken: string }> {
    return await this.#read('listHardwareProfiles', context, async (instance, call) => {
      const answer = await instance.listHardwareProfiles(page, call);
      return { hardwareProfiles: list(answer.hardwareProfiles).map(readHardwareProfile), nextPageToken: pageToken(answer.nextPageToken) };
    });
  }

  async listRegions(context: CallContext): Promise<readonly Region[]> {
    return await this.#read('listRegions', context, async (instance, call) =>
      list(await instance.listRegions(call)).map(({ id, name }) => ({ id: oneLine(id, 128), name: oneLine(name, 256) })));
  }

  async listZones(region: string, context: CallContext): Promise<readonly Zone[]> {
    return await this.#read('listZones', context, async (instance, call) =>
      list(await instance.listZones(region, call)).map((zone) => ({ id: oneLine(zone.id, 128), region: oneLine(zone.region, 128) })));
  }

  /** Never throws for what the driver does: when the whole call fails, each host has that failure. */
  async createHosts(hosts: readonly HostSpec[], context: CallContext): Promise<readonly CreateHostResult[]> {
    const { clusterId } = this.#options;
    const specs = hosts.map((spec) => ({ ...spec, tags: tagsOf(spec, clusterId) }));
    try {
      return await this.#call('createHosts', this.#timeouts.createMs, context, async (instance, call) =>
        readCreateResults(specs, await instance.createHosts(specs, call), clusterId, this.#fail, this.#clean));
    } catch (error) {
      const value = this.#failureOfCall(error);
      return specs.map(({ key }) => ({ key, outcome: { $case: 'failure', value } }));
    }
  }

  /** Machines of this coordinator's own cluster, whatever the driver lists. */
  async listHosts(context: CallContext): Promise<readonly Machine[]> {
    return await this.#read('listHosts', context, async (instance, call) => readMachines(await instance.listHosts(call), this.#options.clusterId));
  }

  /** Never throws for what the driver does: when the whole call fails, each machine has that failure. */
  async destroyHosts(machineIds: readonly string[], context: CallContext): Promise<readonly DestroyHostResult[]> {
    try {
      return await this.#call('destroyHosts', this.#timeouts.destroyMs, context, async (instance, call) =>
        readDestroyResults(machineIds, await instance.destroyHosts(machineIds, call), this.#fail, this.#clean));
    } catch (error) {
      const failure = this.#failureOfCall(error);
      return machineIds.map((machineId) => ({ machineId, failure }));
    }
  }

  async ensureFirewall(group: string, rules: readonly FirewallRule[], context: CallContext): Promise<readonly FirewallRule[]> {
    return await this.#read('ensureFirewall', context, async (instance, call) =>
      list(await has(instance, 'ensureFirewall').ensureFirewall(group, rules, call)).map((rule) => FirewallRuleCodec.decode(FirewallRuleCodec.encode(rule).finish())));
  }

  async getQuota(region: string, context: CallContext): Promise<readonly Quota[]> {
    return await this.#read('getQuota', context, async (instance, call) =>
      list(await has(instance, 'getQuota').getQuota(region, call)).map((quota) => QuotaCodec.decode(QuotaCodec.encode(quota).finish())));
  }

  async listPrices(region: string, context: CallContext): Promise<readonly Price[]> {
    return await this.#read('listPrices', context, async (instance, call) =>
      list(await has(instance, 'listPrices').listPrices(region, call)).map((price) => PriceCodec.decode(PriceCodec.encode(price).finish())));
  }

  async getConsoleLog(machineId: string, context: CallContext): Promise<Uint8Array> {
    return await this.#read('getConsoleLog', context, async (instance, call) => {
      const content = await has(instance, 'getConsoleLog').getConsoleLog(machineId, call);
      if (!(content instanceof Uint8Array)) throw new Error('answered no bytes');
      // The end tells most.
      return content.subarray(-1024 * 1024);
    });
  }

  /** Ends what is under way and lets the plugin go. Machines stay. */
  async close(): Promise<void> {
    this.#closing.abort(new WombatError('WO_UNAVAILABLE', `${this.#who}: it is being closed`));
    const connection = this.#connection;
    if (!connection) return;
    const signal = withDeadline(this.#timeouts.closeMs, 'closing it');
    await orAborted(connection.then((instance) => instance.close?.()), signal).catch(() => undefined);
  }

  get #who(): string {
    return `provider(${this.#options.name})`;
  }

  async #read<T>(what: string, context: CallContext, work: Work<T>): Promise<T> {
    return await this.#call(what, this.#timeouts.readMs, context, work);
  }

  async #call<T>(what: string, timeoutMs: number, context: CallContext, work: Work<T>): Promise<T> {
    const signal = withDeadline(timeoutMs, what, AbortSignal.any([context.signal, this.#closing.signal]));
    let instance: ProviderInstance | undefined;
    try {
      signal.throwIfAborted();
      instance = await orAborted(this.#connect(), signal);
      return await orAborted(work(instance, { signal }), signal);
    } catch (error) {
      if (this.#closing.signal.aborted) throw this.#closing.signal.reason;
      if (context.signal.aborted) throw WombatError.from(context.signal.reason);
      // Its own deadline has passed: who hangs in one call is not asked others.
      if (signal.aborted && instance && isSupervised(instance)) instance.hangs();
      throw this.#remember(this.#clean(failureOf(error)));
    }
  }

  #connect(): Promise<ProviderInstance> {
    if (this.#connection) return this.#connection;
    const connection = this.#open();
    this.#connection = connection;
    // A failed attempt is forgotten, so that the next call tries again.
    connection.catch(() => {
      if (this.#connection === connection) this.#connection = undefined;
    });
    return connection;
  }

  async #open(): Promise<ProviderInstance> {
    const { plugin, settings, providerId, clusterId, host, prepareDirectory } = this.#options;
    const dataDirectory = await prepareDirectory();
    const opening = plugin.connect({ settings, providerId, clusterId, dataDirectory, host });
    const signal = withDeadline(this.#timeouts.connectMs, 'connecting');
    return await orAborted(opening, signal).catch((error: unknown) => {
      // An instance that comes too late is let go at once.
      opening.then((instance) => instance.close?.()).catch(() => undefined);
      throw error;
    });
  }

  readonly #fail = (message: string): ProviderFailure => this.#clean(ProviderError.unavailable(message).toFailure());

  readonly #clean = (failure: ProviderFailure): ProviderFailure =>
    cleanFailure(failure, (message) => (message.startsWith(`${this.#who}: `) ? message : `${this.#who}: ${this.#text(message, 500)}`));

  /** The thrown error itself is not kept as a cause: it may quote a secret. */
  #remember(failure: ProviderFailure): WombatError {
    const error = errorOfFailure(failure);
    this.#failures.set(error, failure);
    return error;
  }

  /** A call that its caller took back is no failure of the provider's. */
  #failureOfCall(error: unknown): ProviderFailure {
    const failure = WombatError.is(error) ? this.#failures.get(error) : undefined;
    if (!failure) throw error;
    return failure;
  }

  #text(text: string, length: number): string {
    return oneLine(this.#options.redaction.clean(text), length);
  }
}

/** @throws ProviderError when the driver lacks the ability */
function has<A extends Ability>(instance: ProviderInstance, ability: A): Required<Pick<ProviderInstance, A>> {
  if (typeof instance[ability] !== 'function') throw ProviderError.invalid(ability, `this driver has no ${ability}`);
  return instance as ProviderInstance & Required<Pick<ProviderInstance, A>>;
}
