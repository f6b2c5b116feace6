import type { Facts } from '@wombat/proto/agent';
import type { StoredAttribute } from '../model/object.js';
import type { Host } from '../model/host.js';
import type { Provider } from '../model/provider.js';

export type AttributeType = 'text' | 'flag' | 'integer' | 'quantity' | 'list';
export type AttributeUnit = 'bytes' | 'cores';
export type AttributeReading = StoredAttribute | undefined;

/** What is known of a host when its attributes are read. */
export interface AttributeSource {
  readonly host: Host;
  readonly provider: Provider | undefined;
  /** As the agent reported them last. */
  readonly facts: Facts | undefined;
}

export interface AttributeDefinition {
  readonly key: string;
  readonly type: AttributeType;
  readonly unit?: AttributeUnit;
  /** Who says it. */
  readonly source: 'coordinator' | 'provider' | 'agent';
  /** For the reference page; begins in lower case. */
  readonly description: string;
  /** Undefined while it is not known. Left out where the agent or the provider sends the attribute under this key. */
  readonly read?: (source: AttributeSource) => AttributeReading;
}

/** Every attribute with a fixed name. Reading and docs/reference/attributes.md come from this one table. */
export const attributeTable: readonly AttributeDefinition[] = [
  { key: 'host.name', type: 'text', source: 'coordinator', description: 'name of the host', read: ({ host }) => host.name },
  { key: 'host.address', type: 'text', source: 'provider', description: 'the address that other hosts reach it at', read: ({ host }) => host.addresses[0] },
  { key: 'host.image', type: 'text', source: 'coordinator', description: 'what it booted from', read: ({ host }) => host.image },
  { key: 'host.hardware-profile', type: 'text', source: 'coordinator', description: 'its size, as the provider names it', read: ({ host }) => host.hardwareProfile },
  { key: 'host.region', type: 'text', source: 'coordinator', description: 'region of its provider', read: ({ host }) => host.region },
  { key: 'host.zone', type: 'text', source: 'coordinator', description: 'zone in its region', read: ({ host }) => host.zone },
  { key: 'host.os', type: 'text', source: 'agent', description: 'operating system, as Node names it: `linux`', read: ({ facts }) => facts?.platform?.os },
  { key: 'host.arch', type: 'text', source: 'agent', description: 'processor, as Node names it: `x64`, `arm64`', read: ({ facts }) => facts?.platform?.arch },
  { key: 'host.libc', type: 'text', source: 'agent', description: '`glibc` or `musl`', read: ({ facts }) => facts?.platform?.libc },
  { key: 'host.system', type: 'text', source: 'agent', description: 'name and version of the distribution', read: ({ facts }) => facts?.osRelease },
  { key: 'host.kernel', type: 'text', source: 'agent', description: 'version of the kernel', read: ({ facts }) => facts?.kernel },
  { key: 'host.cores', type: 'quantity', unit: 'cores', source: 'agent', description: 'cores that processes may use', read: ({ facts }) => facts?.cpuCores },
  { key: 'host.physical-cores', type: 'integer', source: 'agent', description: 'cores of the processors, threads not counted' },
  { key: 'host.cpu-model', type: 'text', source: 'agent', description: 'the processor as it names itself', read: ({ facts }) => facts?.cpuModel },
  { key: 'host.memory', type: 'quantity', unit: 'bytes', source: 'agent', description: 'memory of the machine', read: ({ facts }) => facts && Number(facts.memoryBytes) },
  { key: 'host.disk', type: 'quantity', unit: 'bytes', source: 'agent', description: 'size of its largest disk', read: ({ facts }) => largestDisk(facts) },
  { key: 'host.manufacturer', type: 'text', source: 'agent', description: 'who made the machine' },
  { key: 'host.model', type: 'text', source: 'agent', description: 'its model' },
  { key: 'host.virtual', type: 'flag', source: 'agent', description: 'whether it is a virtual machine' },
  { key: 'host.hypervisor', type: 'text', source: 'agent', description: 'what it is virtualised by' },
  { key: 'host.cgroup', type: 'text', source: 'agent', description: '`v1` or `v2`: the control groups that hold memory limits of nodes; `none`: no such limit holds' },
  { key: 'host.openssl', type: 'text', source: 'agent', description: 'version of OpenSSL found on it', read: ({ facts }) => facts?.opensslVersion },
  { key: 'host.agent-version', type: 'text', source: 'agent', description: 'version of its agent', read: ({ facts }) => facts?.agentVersion },
  { key: 'cloud.name', type: 'text', source: 'agent', description: 'the cloud that the machine is in, as its cloud-init says: `aws`, `openstack`, ...' },
  { key: 'cloud.region', type: 'text', source: 'agent', description: 'its region there' },
  { key: 'cloud.zone', type: 'text', source: 'agent', description: 'its availability zone there' },
  { key: 'cloud.instance-id', type: 'text', source: 'agent', description: 'its id there' },
  { key: 'cloud.instance-type', type: 'text', source: 'agent', description: 'its size, as the cloud names it' },
  { key: 'erlang.otp', type: 'list', source: 'agent', description: 'OTP releases installed on it; releases may bring their own', read: ({ facts }) => facts?.erts.map(({ otpRelease }) => otpRelease) },
  { key: 'erlang.erts', type: 'list', source: 'agent', description: 'versions of ERTS installed on it', read: ({ facts }) => facts?.erts.map(({ version }) => version) },
  { key: 'erlang.epmd-port', type: 'integer', source: 'provider', description: 'where epmd listens, when not on 4369' },
  { key: 'erlang.epmd-addresses', type: 'list', source: 'provider', description: 'the addresses that its epmd answers on' },
  { key: 'erlang.epmd-serves-host', type: 'flag', source: 'provider', description: 'whether the address of the host is one of them' },
  { key: 'provider.name', type: 'text', source: 'coordinator', description: 'name of its provider', read: ({ provider }) => provider?.name },
  { key: 'provider.driver', type: 'text', source: 'coordinator', description: 'driver of its provider', read: ({ provider }) => provider?.driver },
];

function largestDisk(facts: Facts | undefined): number | undefined {
  return facts && facts.disks.length > 0 ? Math.max(...facts.disks.map(({ sizeBytes }) => Number(sizeBytes))) : undefined;
}
