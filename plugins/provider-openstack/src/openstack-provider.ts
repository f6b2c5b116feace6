import {
  attribute, created, failed, hardwareProfile, image, note, ProviderError, systemClock, tagNames,
  type Attribute, type CallContext, type Clock, type CreateHostResult, type DestroyHostResult, type FirewallRule, type HardwareProfile,
  type HostServices, type HostSpec, type Image, type ListPage, type Machine, type Note, type ProviderInstance, type Quota, type Region, type Zone,
} from '@wombat/plugin-sdk';
import { isNotFound } from './failures.js';
import { Firewall } from './firewall.js';
import { Glance, type GlanceImage } from './glance.js';
import { HostCreation } from './host-creation.js';
import { KeystoneSession } from './keystone.js';
import { novaTag, toMachine } from './machines.js';
import { Neutron } from './neutron.js';
import { Nova, type Flavor } from './nova.js';
import { References } from './references.js';
import { cloudOf } from './service.js';
import { secretsOf, type Settings } from './settings.js';
import { isUuid } from './uuid.js';

const mebibyte = 1024 ** 2;
const gibibyte = 1024 ** 3;
const mostItems = 500;
/** Pages of Glance that one search looks through: it cannot search itself. */
const searchedPages = 20;

export interface OpenstackProviderOptions {
  readonly settings: Settings;
  readonly clusterId: string;
  readonly host: HostServices;
  /** @default the system's */
  readonly clock?: Clock;
}

/** Servers of one project in one region of an OpenStack cloud. */
export class OpenstackProvider implements ProviderInstance {
  readonly #settings: Settings;
  readonly #clusterId: string;
  readonly #session: KeystoneSession;
  readonly #nova: Nova;
  readonly #glance: Glance;
  readonly #neutron: Neutron;
  readonly #creation: HostCreation;
  readonly #firewall: Firewall;

  constructor({ settings, clusterId, host, clock = systemClock }: OpenstackProviderOptions) {
    const secrets = secretsOf(settings);
    this.#settings = settings;
    this.#clusterId = clusterId;
    this.#session = new KeystoneSession(settings, clock);
    const cloud = cloudOf(this.#session, secrets);
    this.#nova = new Nova(cloud);
    this.#glance = new Glance(cloud);
    this.#neutron = new Neutron(cloud);
    this.#firewall = new Firewall(this.#neutron, clusterId, clock);
    this.#creation = new HostCreation({ nova: this.#nova, settings, secrets, clusterId, host, clock });
  }

  /** Reaches each service once, with what the settings name. */
  async verify({ signal }: CallContext): Promise<{ readonly identity: string; readonly notes: readonly Note[] }> {
    const { availabilityZone, keyPair, networks } = this.#settings;
    const { user, project, roles, services } = await this.#session.token(signal);
    const references = this.#references(signal);
    await this.#nova.limits(signal);
    await this.#glance.imagesPage({ limit: 1 }, signal);
    for (const network of networks) await references.network(network);
    if (keyPair !== undefined) await references.keyPair(keyPair);
    if (availabilityZone !== undefined) await references.zone(availabilityZone, 'availabilityZone');
    const mayOnlyRead = roles.length > 0 && roles.every((role) => role === 'reader');
    return {
      identity: `user ${user}, project ${project}, region ${services.region}`,
      notes: mayOnlyRead ? [note.warning('', 'the user has the role reader only, and can make no servers')] : [],
    };
  }

  async listRegions({ signal }: CallContext): Promise<readonly Region[]> {
    const { region } = (await this.#session.token(signal)).services;
    return [{ id: region, name: region }];
  }

  async listZones(region: string, { signal }: CallContext): Promise<readonly Zone[]> {
    const own = await this.#checkRegion(region, signal);
    return (await this.#nova.zones(signal)).map((id) => ({ id, region: own }));
  }

  async listImages(page: ListPage, { signal }: CallContext): Promise<{ readonly images: readonly Image[]; readonly nextPageToken: string }> {
    await this.#checkRegion(page.region, signal);
    const size = sizeOf(page);
    const images: Image[] = [];
    let marker = page.pageToken === '' ? undefined : page.pageToken;
    for (let pages = 0; pages < searchedPages; pages += 1) {
      const { items, hasMore } = await this.#glance.imagesPage({ limit: size, marker }, signal);
      for (const [index, item] of items.entries()) {
        marker = item.id;
        if (matches(item, page.query)) images.push(toImage(item));
        if (images.length === size) return { images, nextPageToken: hasMore || index < items.length - 1 ? marker : '' };
      }
      if (!hasMore || items.length === 0) return { images, nextPageToken: '' };
    }
    return { images, nextPageToken: marker ?? '' };
  }

  async listHardwareProfiles(
    page: ListPage,
    { signal }: CallContext,
  ): Promise<{ readonly hardwareProfiles: readonly HardwareProfile[]; readonly nextPageToken: string }> {
    await this.#checkRegion(page.region, signal);
    const { items, hasMore } = await this.#nova.flavorsPage(sizeOf(page), page.pageToken === '' ? undefined : page.pageToken, signal);
    return { hardwareProfiles: items.map(toHardwareProfile), nextPageToken: hasMore ? (items.at(-1)?.id ?? '') : '' };
  }

  async createHosts(specs: readonly HostSpec[], { signal }: CallContext): Promise<readonly CreateHostResult[]> {
    const references = this.#references(signal);
    return await Promise.all(specs.map(async (spec) => {
      try {
        await this.#checkRegion(spec.region, signal);
        return created(spec.key, await this.#creation.create(spec, references, signal));
      } catch (error) {
        return failed(spec.key, error);
      }
    }));
  }

  async listHosts({ signal }: CallContext): Promise<readonly Machine[]> {
    const servers = await this.#nova.servers([novaTag(tagNames.cluster, this.#clusterId)], signal);
    return servers.map(toMachine).filter(({ tags }) => tags[tagNames.cluster] === this.#clusterId);
  }

  async destroyHosts(machineIds: readonly string[], { signal }: CallContext): Promise<readonly DestroyHostResult[]> {
    return await Promise.all(machineIds.map(async (machineId) => {
      try {
        // What is shaped otherwise was never made here, and what others have made is theirs.
        if (isUuid(machineId) && (await this.#isOurs(machineId, signal))) await this.#nova.deleteServer(machineId, signal);
        return { machineId, failure: undefined };
      } catch (error) {
        return { machineId, failure: isNotFound(error) ? undefined : ProviderError.from(error).toFailure() };
      }
    }));
  }

  async ensureFirewall(group: string, rules: readonly FirewallRule[], { signal }: CallContext): Promise<readonly FirewallRule[]> {
    return await this.#firewall.ensure(group, rules, signal);
  }

  /** What is not limited is left out. Memory in bytes. */
  async getQuota(region: string, { signal }: CallContext): Promise<readonly Quota[]> {
    await this.#checkRegion(region, signal);
    const limits = await this.#nova.limits(signal);
    return [
      { name: 'hosts', limit: limits.maxTotalInstances, used: limits.totalInstancesUsed },
      { name: 'cores', limit: limits.maxTotalCores, used: limits.totalCoresUsed },
      { name: 'memory', limit: limits.maxTotalRAMSize * mebibyte, used: limits.totalRAMUsed * mebibyte },
    ].filter(({ limit }) => limit >= 0);
  }

  async getConsoleLog(machineId: string, { signal }: CallContext): Promise<Uint8Array> {
    if (!isUuid(machineId)) throw ProviderError.notFound('there is no such server');
    return new TextEncoder().encode(await this.#nova.consoleLog(machineId, signal));
  }

  async #isOurs(machineId: string, signal: AbortSignal): Promise<boolean> {
    return toMachine(await this.#nova.server(machineId, signal)).tags[tagNames.cluster] === this.#clusterId;
  }

  #references(signal: AbortSignal): References {
    return new References({ nova: this.#nova, glance: this.#glance, neutron: this.#neutron, firewall: this.#firewall }, signal);
  }

  /** Answers the only one that this provider has. */
  async #checkRegion(region: string, signal: AbortSignal): Promise<string> {
    const own = (await this.#session.token(signal)).services.region;
    if (region === '' || region === own) return own;
    throw ProviderError.invalid('region', `this provider is for the region ${own}`);
  }
}

function sizeOf({ pageSize }: ListPage): number {
  return Math.min(pageSize > 0 ? pageSize : mostItems, mostItems);
}

function matches({ id, name }: GlanceImage, query: string): boolean {
  return id === query || (name ?? '').toLowerCase().includes(query.toLowerCase());
}

/** Names of processors as Node has them. */
const arches: Readonly<Record<string, string>> = { x86_64: 'x64', amd64: 'x64', aarch64: 'arm64', arm64: 'arm64' };

function toImage({ id, name, architecture, hw_architecture, os_distro, os_version }: GlanceImage): Image {
  const arch = hw_architecture ?? architecture ?? '';
  const facts: readonly (readonly [string, string | null | undefined])[] = [['image.arch', arches[arch] ?? arch], ['image.os', os_distro], ['image.os-version', os_version]];
  return image(id, name ?? '', facts.flatMap(([key, value]): Attribute[] => (value ? [attribute(key, value)] : [])));
}

function toHardwareProfile({ id, name, vcpus, ram, disk }: Flavor): HardwareProfile {
  return hardwareProfile({ id, name, cpuCores: vcpus, memoryBytes: ram * mebibyte, diskBytes: disk * gibibyte });
}
