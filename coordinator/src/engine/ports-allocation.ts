import { WombatError } from '@wombat/proto';
import type { Manifest, ManifestPort } from '../domain/model/release.js';
import type { Node, NodePort } from '../domain/model/node.js';
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
  const turn = { next: await transaction.nextNumber('ports', perNode * hostIds.length) };
  const taken = new Map(hostIds.map((hostId) => [hostId, new Set(manifest.ports.map(({ number }) => number))]));
  for (const node of await nodesOnHosts(transaction, [...taken.keys()].filter((hostId) => !newHostIds.has(hostId)))) {
    for (const number of numbersOf(node)) taken.get(node.hostId)!.add(number);
  }
  const take = (hostId: string): number => takeNumber(hostId, taken.get(hostId)!, turn);
  return hostIds.map((hostId) => ({
    distribution: take(hostId),
    named: manifest.ports.map(({ name, protocol, number }) => ({ name, protocol, number: number || take(hostId) })),
  }));
}

/**
 * Ports of a node that goes over to another manifest: what is to be allocated keeps its number where the port is there
 * already, and gets one as a new node's otherwise; what the manifest does not name any more is free again.
 * @throws WombatError WO_PLACEMENT_IMPOSSIBLE
 */
export async function changedPorts(transaction: Transaction, manifest: Manifest, node: Node): Promise<NodePort[]> {
  const neighbours = (await nodesOnHosts(transaction, [node.hostId])).filter(({ id }) => id !== node.id);
  refuseTakenPorts(manifest, node, neighbours);
  const kept = (port: ManifestPort): number => node.ports.find(({ name, protocol, number }) => name === port.name && protocol === port.protocol && isAllocated(number))?.number ?? 0;
  const missing = manifest.ports.filter((port) => port.number === 0 && kept(port) === 0);
  const used = new Set([...neighbours.flatMap(numbersOf), node.distributionPort, ...manifest.ports.map((port) => port.number || kept(port))]);
  const turn = { next: missing.length === 0 ? 0 : await transaction.nextNumber('ports', missing.length) };
  return manifest.ports.map((port) => ({ name: port.name, protocol: port.protocol, number: port.number || kept(port) || takeNumber(node.hostId, used, turn) }));
}

/** @throws WombatError WO_PLACEMENT_IMPOSSIBLE when another node of the host has a number that the manifest fixes */
export function refuseTakenPorts(manifest: Manifest, node: Node, neighbours: readonly Node[]): void {
  for (const port of manifest.ports.filter(({ number }) => number > 0)) {
    const holder = neighbours.find((neighbour) => neighbour.hostId === node.hostId && neighbour.id !== node.id && numbersOf(neighbour).includes(port.number));
    if (!holder) continue;
    throw new WombatError('WO_PLACEMENT_IMPOSSIBLE', `port ${port.number} (${port.name}) of ${node.name} is taken on its host by ${holder.name}`, {
      hint: 'let the manifest leave the number open, or put the nodes on hosts of their own',
    });
  }
}

function numbersOf(node: Pick<Node, 'distributionPort' | 'ports'>): number[] {
  return [node.distributionPort, ...node.ports.map(({ number }) => number)];
}

function isAllocated(number: number): boolean {
  return number >= first && number < first + count;
}

function takeNumber(hostId: string, used: Set<number>, turn: { next: number }): number {
  for (let tries = 0; tries < count; tries += 1) {
    const number = first + (turn.next++ % count);
    if (used.has(number)) continue;
    used.add(number);
    return number;
  }
  throw new WombatError('WO_PLACEMENT_IMPOSSIBLE', `host ${hostId} has no port free between ${first} and ${first + count - 1}`, { hint: 'place fewer nodes on each host' });
}
