import { createHash } from 'node:crypto';
import { machine, MachineState, type Machine } from '@wombat/plugin-sdk';
import type { Server } from './nova.js';

/** Nova's limit of a tag. */
const longestTag = 60;

/**
 * A tag of Wombat as one of Nova's, to look for: `wombat-key=host-...`. One that would be too long ends in a hash. What a machine is
 * tagged with is read from its metadata, which has room for all of it.
 */
export function novaTag(name: string, value: string): string {
  const tag = `${name}=${value}`;
  if (tag.length <= longestTag) return tag;
  const hash = createHash('sha256').update(tag).digest('hex').slice(0, 20);
  return `${tag.slice(0, longestTag - hash.length - 1)}~${hash}`;
}

/** The state of a machine by Nova's status; what is not here is not known. */
const states: Readonly<Record<string, MachineState>> = {
  BUILD: MachineState.CREATING,
  REBUILD: MachineState.CREATING,
  ACTIVE: MachineState.RUNNING,
  PASSWORD: MachineState.RUNNING,
  REBOOT: MachineState.RUNNING,
  HARD_REBOOT: MachineState.RUNNING,
  MIGRATING: MachineState.RUNNING,
  RESIZE: MachineState.RUNNING,
  VERIFY_RESIZE: MachineState.RUNNING,
  REVERT_RESIZE: MachineState.RUNNING,
  SHUTOFF: MachineState.STOPPED,
  SUSPENDED: MachineState.STOPPED,
  PAUSED: MachineState.STOPPED,
  RESCUE: MachineState.STOPPED,
  SHELVED: MachineState.STOPPED,
  SHELVED_OFFLOADED: MachineState.STOPPED,
  DELETED: MachineState.DESTROYING,
  SOFT_DELETED: MachineState.DESTROYING,
  ERROR: MachineState.FAILED,
};

export function stateOf(server: Server): MachineState {
  // A deletion keeps the status until its end.
  if (/^(soft-)?deleting$/.test(server['OS-EXT-STS:task_state'] ?? '')) return MachineState.DESTROYING;
  return states[server.status] ?? MachineState.UNSPECIFIED;
}

export function toMachine(server: Server): Machine {
  return machine({
    machineId: server.id,
    tags: Object.fromEntries(Object.entries(server.metadata).filter(([name]) => name.startsWith('wombat-'))),
    state: stateOf(server),
    addresses: addressesOf(server),
    ...(server.created === undefined ? {} : { createdAt: new Date(server.created) }),
  });
}

/** Those of its networks before floating ones, IPv4 before IPv6. */
function addressesOf({ addresses }: Server): string[] {
  const all = Object.values(addresses).flat().map(({ addr, 'OS-EXT-IPS:type': type }) => ({ addr, rank: Number(type === 'floating') * 2 + Number(addr.includes(':')) }));
  return [...new Set(all.sort((a, b) => a.rank - b.rank).map(({ addr }) => addr))];
}
