import { WombatError } from '@wombat/proto';
import type { Manifest } from '../domain/model/release.js';
import type { NodePort } from '../domain/model/node.js';
import type { Transaction } from '../store/store.js';
import { nodesOnHosts } from './nodes-on-hosts.js';

// Below the range that Linux takes ports of outgoing connections from (32768-60999).
const first = 20_000;
const count = 12_000;

export interface NodePorts {
  readonly named: readonly NodePort[];
  /** For Erlang distribution. */
  readonly distribution: number;
}

/**
 * Ports for new nodes, one for each host named: fixed ones as the manifest says, the others from a range of the
 * coordinator's own, in turn, so that it is long before a number comes again; one that a node of the same host has is
 * passed over. The agent tests each by binding before it starts the node.
 * @throws WombatError WO_PLACEMENT_IMPOSSIBLE when a host has no free number left
 */
export async function takePorts(transaction: Transaction, manifest: Manifest, hostIds: readonly string[], newHostIds: ReadonlySet<string>): Promise<NodePorts[]> {
  const perNode = 1 + manifest.ports.filter((port) => port.number === 0).length;
  let next = await transaction.nextNumber('ports', perNode * hostIds.length);
  const taken = new Map(hostIds.map((hostId) => [hostId, new Set(manifest.ports.map(({ number }) => number))]));
  for (const node of await nodesOnHosts(transaction, [...taken.keys()].filter((hostId) => !newHostIds.has(hostId)))) {
    for (const number of [node.distributionPort, ...node.ports.map((port) => port.number)]) taken.get(node.hostId)!.add(number);
  }
  const take = (hostId: string): number => {
    const used = taken.get(hostId)!;
    for (let tries = 0; tries < count; tries += 1) {
      const number = first + (next++ % count);
      if (used.has(number)) continue;
      used.add(number);
      return number;
    }
    throw new WombatError('WO_PLACEMENT_IMPOSSIBLE', `host ${hostId} has no port free between ${first} and ${first + count - 1}`, { hint: 'place fewer nodes on each host' });
  };
  return hostIds.map((hostId) => ({
    distribution: take(hostId),
    named: manifest.ports.map(({ name, protocol, number }) => ({ name, protocol, number: number || take(hostId) })),
  }));
}
