import { DescribeSubnetsCommand, DescribeVpcsCommand, type Subnet, type Vpc } from '@aws-sdk/client-ec2';
import { ProviderError } from '@wombat/plugin-sdk';
import type { Ec2Api } from './ec2-api.js';
import type { Ec2Settings } from './settings.js';

/** Where hosts are put: the VPC, and the subnet for a zone. Looked up each time, as both may change. */
export class Network {
  readonly #api: Ec2Api;
  readonly #settings: Ec2Settings;

  constructor(api: Ec2Api, settings: Ec2Settings) {
    this.#api = api;
    this.#settings = settings;
  }

  /** @throws ProviderError invalid when there is no such VPC, or no default one */
  async vpc(signal: AbortSignal): Promise<{ readonly id: string; readonly account: string }> {
    const { vpc, subnets, region } = this.#settings;
    const id = subnets.length > 0 ? (await this.#subnets(signal))[0]?.VpcId : vpc;
    const which = id === undefined ? { Filters: [{ Name: 'is-default', Values: ['true'] }] } : { VpcIds: [id] };
    const found: Vpc | undefined = (await this.#api.send(new DescribeVpcsCommand(which), signal)).Vpcs?.[0];
    if (!found?.VpcId) throw ProviderError.invalid('vpc', id === undefined ? `${region} has no default VPC: the settings must name one, or subnets` : `there is no VPC ${id}`);
    return { id: found.VpcId, account: found.OwnerId ?? '' };
  }

  /** The subnet of the zone with most free addresses; undefined: EC2 chooses one of the default VPC. */
  async subnetFor(zone: string, signal: AbortSignal): Promise<string | undefined> {
    const { vpc, subnets } = this.#settings;
    if (vpc === undefined && subnets.length === 0) return undefined;
    const all = await this.#subnets(signal);
    const fitting = all.filter(({ AvailabilityZone }) => zone === '' || AvailabilityZone === zone);
    const [best] = fitting.sort((one, other) => (other.AvailableIpAddressCount ?? 0) - (one.AvailableIpAddressCount ?? 0));
    if (best?.SubnetId) return best.SubnetId;
    const zones = [...new Set(all.map(({ AvailabilityZone }) => AvailabilityZone))].sort();
    throw ProviderError.invalid(zone === '' ? 'subnets' : 'zone', zones.length === 0 ? `the VPC ${vpc ?? ''} has no subnets` : `no subnet lies in ${zone}; there are some in ${zones.join(', ')}`);
  }

  async #subnets(signal: AbortSignal): Promise<Subnet[]> {
    const { vpc, subnets } = this.#settings;
    const which = subnets.length > 0 ? { SubnetIds: [...subnets] } : { Filters: [{ Name: 'vpc-id', Values: [vpc ?? ''] }] };
    const found = await this.#api.all((token) => new DescribeSubnetsCommand({ ...which, ...token }), (page) => page.Subnets, signal);
    const vpcs = new Set(found.map(({ VpcId }) => VpcId));
    if (vpcs.size > 1 || (vpc !== undefined && vpcs.size === 1 && !vpcs.has(vpc))) {
      throw ProviderError.invalid('subnets', `all subnets must be of one VPC; these are of ${[...vpcs].join(', ')}`);
    }
    return found;
  }
}
