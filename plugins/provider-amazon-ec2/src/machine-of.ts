import type { Filter, Instance, InstanceStateName } from '@aws-sdk/client-ec2';
import { attribute, machine, MachineState, type Attribute, type Machine } from '@wombat/plugin-sdk';
import { archOf } from './arch.js';

const states: Readonly<Record<InstanceStateName, MachineState>> = {
  pending: MachineState.CREATING,
  running: MachineState.RUNNING,
  stopping: MachineState.STOPPED,
  stopped: MachineState.STOPPED,
  'shutting-down': MachineState.DESTROYING,
  terminated: MachineState.DESTROYING,
};

/** A filter: EC2 lists what has ended for an hour. */
export const notTerminated: Filter = { Name: 'instance-state-name', Values: ['pending', 'running', 'stopping', 'stopped', 'shutting-down'] };

/** Nothing of it is left in a moment. */
export function isEnding({ State }: Instance): boolean {
  return State?.Name === 'shutting-down' || State?.Name === 'terminated';
}

/** An instance in the words of Wombat. `tags`: of one that was made a moment ago, if EC2 did not repeat them. */
export function toMachine(instance: Instance, tags: Readonly<Record<string, string>> = {}): Machine {
  const found = (instance.Tags ?? []).flatMap(({ Key, Value = '' }) => (Key === undefined ? [] : [[Key, Value] as const]));
  return machine({
    machineId: instance.InstanceId ?? '',
    tags: { ...tags, ...Object.fromEntries(found) },
    state: states[instance.State?.Name ?? 'pending'] ?? MachineState.UNSPECIFIED,
    addresses: addressesOf(instance),
    ...(instance.LaunchTime ? { createdAt: instance.LaunchTime } : {}),
    attributes: attributesOf(instance),
  });
}

/** The private one first: Erlang nodes of one VPC talk by it. */
function addressesOf({ PrivateIpAddress, PublicIpAddress, NetworkInterfaces }: Instance): string[] {
  const six = (NetworkInterfaces ?? []).flatMap(({ Ipv6Addresses }) => (Ipv6Addresses ?? []).map(({ Ipv6Address }) => Ipv6Address));
  return [...new Set([PrivateIpAddress, PublicIpAddress, ...six])].filter((address) => address !== undefined && address !== '') as string[];
}

function attributesOf({ Architecture, InstanceType, Placement, InstanceLifecycle, VpcId, SubnetId, PublicIpAddress }: Instance): Attribute[] {
  const texts = {
    'ec2.arch': Architecture && archOf(Architecture), 'ec2.instance-type': InstanceType, 'ec2.zone': Placement?.AvailabilityZone,
    'ec2.vpc': VpcId, 'ec2.subnet': SubnetId, 'ec2.public-address': PublicIpAddress,
  };
  const known = Object.entries(texts).flatMap(([key, text]) => (text ? [attribute(key, text)] : []));
  return [...known, attribute('ec2.spot', InstanceLifecycle === 'spot')];
}
