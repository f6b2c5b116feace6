import { DescribeKeyPairsCommand, DescribeSecurityGroupsCommand } from '@aws-sdk/client-ec2';
import {
  note, ProviderError,
  type CallContext, type Clock, type CreateHostResult, type DestroyHostResult, type FirewallRule, type HardwareProfile, type HostServices, type HostSpec,
  type Image, type ListPage, type Machine, type Note, type Price, type ProviderInstance, type Region, type Zone,
} from '@wombat/plugin-sdk';
import { Catalogue } from './catalogue.js';
import { Creations } from './creations.js';
import { Ec2Api } from './ec2-api.js';
import { FirewallGroups } from './firewall-groups.js';
import { Instances } from './instances.js';
import { LaunchPlanner } from './launch-plan.js';
import { Network } from './network.js';
import { checkRegion } from './region.js';
import type { Ec2Settings } from './settings.js';
import { spotPrices } from './spot-prices.js';

export interface Ec2ProviderOptions {
  readonly settings: Ec2Settings;
  readonly clusterId: string;
  readonly host: HostServices;
  readonly clock: Clock;
  /** Instances of one page. @default as many as EC2 answers */
  readonly instancesPerPage?: number;
}

/** Hosts in one region of one account. */
export class Ec2Provider implements ProviderInstance {
  readonly #settings: Ec2Settings;
  readonly #api: Ec2Api;
  readonly #clock: Clock;
  readonly #network: Network;
  readonly #catalogue: Catalogue;
  readonly #instances: Instances;
  readonly #firewallGroups: FirewallGroups;
  readonly #creations: Creations;

  constructor({ settings, clusterId, host, clock, instancesPerPage }: Ec2ProviderOptions) {
    const api = new Ec2Api(settings);
    this.#settings = settings;
    this.#api = api;
    this.#clock = clock;
    this.#network = new Network(api, settings);
    this.#catalogue = new Catalogue(api, settings);
    this.#instances = new Instances({ api, clusterId, clock, ...(instancesPerPage === undefined ? {} : { perPage: instancesPerPage }) });
    this.#firewallGroups = new FirewallGroups({ api, settings, clusterId, clock, network: this.#network });
    const planner = new LaunchPlanner({ api, settings, network: this.#network, firewallGroups: this.#firewallGroups });
    this.#creations = new Creations({ api, settings, clusterId, host, instances: this.#instances, planner });
  }

  /** Asks for each thing that the settings name. */
  async verify({ signal }: CallContext): Promise<{ readonly identity: string; readonly notes: readonly Note[] }> {
    const { region, keyPair, securityGroups, endpoint } = this.#settings;
    const { account, id } = await this.#network.vpc(signal);
    await this.#network.subnetFor('', signal);
    if (keyPair !== undefined) await this.#api.send(new DescribeKeyPairsCommand({ KeyNames: [keyPair] }), signal);
    for (const group of securityGroups) await this.#checkSecurityGroup(group, id, signal);
    const isPlain = endpoint?.startsWith('http:') === true;
    return {
      identity: `account ${account}, region ${region}, ${id}`,
      notes: isPlain ? [note.warning('endpoint', 'install payloads, with their join tokens, go to it without TLS')] : [],
    };
  }

  async listImages(page: ListPage, { signal }: CallContext): Promise<{ readonly images: readonly Image[]; readonly nextPageToken: string }> {
    const { items, nextPageToken } = await this.#catalogue.images(page, signal);
    return { images: items, nextPageToken };
  }

  async listHardwareProfiles(page: ListPage, { signal }: CallContext): Promise<{ readonly hardwareProfiles: readonly HardwareProfile[]; readonly nextPageToken: string }> {
    const { items, nextPageToken } = await this.#catalogue.hardwareProfiles(page, signal);
    return { hardwareProfiles: items, nextPageToken };
  }

  async listRegions({ signal }: CallContext): Promise<readonly Region[]> {
    return this.#catalogue.regions(signal);
  }

  async listZones(region: string, { signal }: CallContext): Promise<readonly Zone[]> {
    return this.#catalogue.zones(region, signal);
  }

  async createHosts(hosts: readonly HostSpec[], { signal }: CallContext): Promise<readonly CreateHostResult[]> {
    return this.#creations.create(hosts, signal);
  }

  async listHosts({ signal }: CallContext): Promise<readonly Machine[]> {
    return this.#instances.list(signal);
  }

  async destroyHosts(machineIds: readonly string[], { signal }: CallContext): Promise<readonly DestroyHostResult[]> {
    return this.#instances.terminate(machineIds, signal);
  }

  async ensureFirewall(group: string, rules: readonly FirewallRule[], { signal }: CallContext): Promise<readonly FirewallRule[]> {
    return this.#firewallGroups.ensure(group, rules, signal);
  }

  /** EC2 itself knows those of spot instances only. */
  async listPrices(region: string, { signal }: CallContext): Promise<readonly Price[]> {
    checkRegion(region, this.#settings);
    return spotPrices(this.#api, this.#clock.now(), signal);
  }

  async getConsoleLog(machineId: string, { signal }: CallContext): Promise<Uint8Array> {
    return this.#instances.consoleLog(machineId, signal);
  }

  async close(): Promise<void> {
    this.#api.close();
  }

  async #checkSecurityGroup(id: string, vpcId: string, signal: AbortSignal): Promise<void> {
    const { SecurityGroups = [] } = await this.#api.send(new DescribeSecurityGroupsCommand({ Filters: [{ Name: 'group-id', Values: [id] }, { Name: 'vpc-id', Values: [vpcId] }] }), signal);
    if (SecurityGroups.length === 0) throw ProviderError.invalid('securityGroups', `there is no security group ${id} in ${vpcId}`);
  }
}
