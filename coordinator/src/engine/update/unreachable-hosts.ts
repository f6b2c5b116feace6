import type { Node } from '../../domain/model/node.js';
import { unreachablePhases } from '../../domain/states/host-states.js';
import type { Reader } from '../../store/store.js';

/** Hosts whose agents would not take anything now, nor when they are up: few, whatever the size of the fleet. */
export async function unreachableHosts(read: Pick<Reader, 'hosts'>): Promise<ReadonlySet<string>> {
  return new Set(await read.hosts.ids({ phase: unreachablePhases }));
}

/** One that is `unknown` on a host that is back has yet to say what it is. */
export function isReachable({ hostId, phase }: Node, unreachable: ReadonlySet<string>): boolean {
  return phase !== 'unknown' && !unreachable.has(hostId);
}
