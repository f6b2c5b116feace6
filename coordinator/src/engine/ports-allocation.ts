import type { Manifest } from '../domain/model/release.js';
import type { NodePort } from '../domain/model/node.js';
import type { Transaction } from '../store/store.js';

// Below the range that Linux takes ports of outgoing connections from (32768-60999).
const first = 20_000;
const count = 12_000;

export interface NodePorts {
  readonly named: readonly NodePort[];
  /** For Erlang distribution. */
  readonly distribution: number;
}

/**
 * Ports for `amount` new nodes: fixed ones as the manifest says, the others from a range of the
 * coordinator's own, in turn. The agent tests each by binding before it starts the node.
 */
export async function takePorts(transaction: Transaction, manifest: Manifest, amount: number): Promise<NodePorts[]> {
  const perNode = 1 + manifest.ports.filter((port) => port.number === 0).length;
  let next = await transaction.nextNumber('ports', perNode * amount);
  const take = (): number => first + (next++ % count);
  return Array.from({ length: amount }, () => ({
    distribution: take(),
    named: manifest.ports.map((port) => ({ name: port.name, protocol: port.protocol, number: port.number || take() })),
  }));
}
