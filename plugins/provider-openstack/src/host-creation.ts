import { KeyedLock, MachineState, ProviderError, tagNames, tagsOf, type Clock, type HostServices, type HostSpec, type Machine } from '@wombat/plugin-sdk';
import { failureOfFault, isNotFound } from './failures.js';
import { novaTag, stateOf, toMachine } from './machines.js';
import type { NewServer, Nova, Server } from './nova.js';
import type { References } from './references.js';
import type { Settings } from './settings.js';
import { encodeUserData } from './user-data.js';

export interface HostCreationOptions {
  readonly nova: Nova;
  readonly settings: Settings;
  readonly secrets: readonly string[];
  readonly clusterId: string;
  readonly host: HostServices;
  readonly clock: Clock;
}

/** Half a minute in all: what has no place by then is answered as it is. */
const looks = 16;
const firstLookMs = 500;
const lookEveryMs = 2_000;

/**
 * Makes the server of one host: found by the tag of its key, else asked for, then watched until Nova has found a place for it. One
 * that ends in ERROR before is removed again, so that the key is free for another try, here or elsewhere.
 */
export class HostCreation {
  readonly #options: HostCreationOptions;
  readonly #locks = new KeyedLock();

  constructor(options: HostCreationOptions) {
    this.#options = options;
  }

  async create(spec: HostSpec, references: References, signal: AbortSignal): Promise<Machine> {
    return await this.#locks.run(spec.key, async () => {
      signal.throwIfAborted();
      const server = (await this.#find(spec, signal)) ?? (await this.#ask(spec, references, signal));
      return toMachine(await this.#placed(server, signal));
    });
  }

  /** Two, made by two coordinators at once, are two in the list, too: the older one is it. */
  async #find(spec: HostSpec, signal: AbortSignal): Promise<Server | undefined> {
    const { nova, clusterId } = this.#options;
    const tags = [novaTag(tagNames.cluster, clusterId), novaTag(tagNames.key, spec.key)];
    const servers = (await nova.servers(tags, signal)).filter(({ metadata }) => metadata[tagNames.cluster] === clusterId && metadata[tagNames.key] === spec.key);
    const found = servers.sort((a, b) => ((a.created ?? '') < (b.created ?? '') ? -1 : 1))[0];
    if (found && found.metadata[tagNames.host] !== spec.hostId) throw ProviderError.invalid('key', `the key ${spec.key} belongs to another host`);
    if (found && stateOf(found) === MachineState.DESTROYING) throw ProviderError.unavailable(`the server ${found.id} of this key is being destroyed`);
    return found;
  }

  async #ask(spec: HostSpec, references: References, signal: AbortSignal): Promise<Server> {
    const { nova } = this.#options;
    const id = await nova.createServer(await this.#newServer(spec, references), signal);
    return await nova.server(id, signal);
  }

  async #newServer(spec: HostSpec, references: References): Promise<NewServer> {
    const { settings, clusterId, host } = this.#options;
    const userData = encodeUserData(await host.installPayload(spec.hostId));
    const [zone, field] = spec.zone === '' ? [settings.availabilityZone, 'availabilityZone'] : [spec.zone, 'zone'];
    const tags = tagsOf(spec, clusterId);
    const networks = await Promise.all(settings.networks.map(async (network) => ({ uuid: await references.network(network) })));
    return {
      name: spec.hostId,
      imageRef: await references.image(spec.image),
      flavorRef: await references.flavor(spec.hardwareProfile),
      networks: networks.length === 0 ? 'auto' : networks,
      user_data: userData,
      tags: [tagNames.cluster, tagNames.host, tagNames.key].map((name) => novaTag(name, tags[name]!)),
      metadata: { ...settings.metadata, ...tags },
      config_drive: settings.configDrive,
      ...(spec.firewallGroup === '' ? {} : { security_groups: [{ name: await references.securityGroup(spec.firewallGroup) }] }),
      ...(zone === undefined ? {} : { availability_zone: await references.zone(zone, field) }),
      ...(settings.keyPair === undefined ? {} : { key_name: settings.keyPair }),
    };
  }

  /** What Nova cannot place it says only afterwards, by the state ERROR and a fault. */
  async #placed(found: Server, signal: AbortSignal): Promise<Server> {
    const { nova, clock } = this.#options;
    let server = found;
    for (let look = 0; look < looks && isBeingPlaced(server); look += 1) {
      await clock.sleep(Math.min(firstLookMs * 2 ** look, lookEveryMs), signal);
      server = await nova.server(server.id, signal);
    }
    if (server.status === 'ERROR') await this.#giveUp(server, signal);
    return server;
  }

  /** One that cannot be removed now is found, and removed, when its key is asked for again. */
  async #giveUp({ id, fault }: Server, signal: AbortSignal): Promise<never> {
    const { nova, host, secrets } = this.#options;
    await nova.deleteServer(id, signal).catch((error: unknown) => {
      if (!isNotFound(error)) host.log.warn('a server that failed could not be removed', { machineId: id, reason: ProviderError.from(error).message });
    });
    throw failureOfFault(fault?.message ?? '', secrets);
  }
}

function isBeingPlaced({ status, 'OS-EXT-STS:task_state': task }: Server): boolean {
  return status === 'BUILD' && task === 'scheduling';
}
