import { DescribeImagesCommand, type RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import { ProviderError, type HostSpec } from '@wombat/plugin-sdk';
import type { Ec2Api } from './ec2-api.js';
import type { FirewallGroups } from './firewall-groups.js';
import type { Network } from './network.js';
import type { Ec2Settings } from './settings.js';

/** What the hosts of one group have in common: everything but their tags and their install payload. */
export type LaunchPlan = Omit<RunInstancesCommandInput, 'MinCount' | 'MaxCount' | 'UserData' | 'TagSpecifications' | 'ClientToken'>;

export interface LaunchPlannerOptions {
  readonly api: Ec2Api;
  readonly settings: Ec2Settings;
  readonly network: Network;
  readonly firewallGroups: FirewallGroups;
}

/** Hosts with one of these are launched alike. */
export function launchGroup({ image, hardwareProfile, zone, firewallGroup, spot }: HostSpec): string {
  return JSON.stringify([image, hardwareProfile, zone, firewallGroup, spot]);
}

export class LaunchPlanner {
  readonly #options: LaunchPlannerOptions;

  constructor(options: LaunchPlannerOptions) {
    this.#options = options;
  }

  isSpot(spec: HostSpec): boolean {
    return spec.spot || this.#options.settings.spot;
  }

  async plan(spec: HostSpec, signal: AbortSignal): Promise<LaunchPlan> {
    const { settings, network } = this.#options;
    const groups = await this.#securityGroups(spec, signal);
    const subnet = await network.subnetFor(spec.zone, signal);
    const { keyPair, instanceProfile, rootVolumeGb } = settings;
    return {
      ImageId: spec.image,
      InstanceType: spec.hardwareProfile as NonNullable<RunInstancesCommandInput['InstanceType']>,
      // Only with a token of its own may somebody on the machine read what is told of it, the install payload among it.
      MetadataOptions: { HttpEndpoint: 'enabled', HttpTokens: 'required' },
      ...(groups.length === 0 ? {} : { SecurityGroupIds: groups }),
      ...(subnet === undefined ? {} : { SubnetId: subnet }),
      ...(spec.zone === '' ? {} : { Placement: { AvailabilityZone: spec.zone } }),
      ...(keyPair === undefined ? {} : { KeyName: keyPair }),
      ...(instanceProfile === undefined ? {} : { IamInstanceProfile: instanceProfile.startsWith('arn:') ? { Arn: instanceProfile } : { Name: instanceProfile } }),
      ...(this.isSpot(spec) ? { InstanceMarketOptions: { MarketType: 'spot', SpotOptions: { SpotInstanceType: 'one-time' } } } : {}),
      ...(rootVolumeGb === undefined ? {} : { BlockDeviceMappings: [{ DeviceName: await this.#rootDevice(spec.image, signal), Ebs: { VolumeSize: rootVolumeGb, DeleteOnTermination: true } }] }),
    };
  }

  async #securityGroups({ firewallGroup }: HostSpec, signal: AbortSignal): Promise<string[]> {
    const { settings, firewallGroups } = this.#options;
    return [...(firewallGroup === '' ? [] : [await firewallGroups.idOf(firewallGroup, signal)]), ...settings.securityGroups];
  }

  async #rootDevice(imageId: string, signal: AbortSignal): Promise<string> {
    const { Images } = await this.#options.api.send(new DescribeImagesCommand({ ImageIds: [imageId] }), signal);
    const device = Images?.[0]?.RootDeviceName;
    if (!device) throw ProviderError.invalid('image', `the image ${imageId} does not tell its root device: rootVolumeGb cannot be used with it`);
    return device;
  }
}
