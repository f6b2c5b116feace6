import type { Node } from '../domain/model/node.js';
import { presentPhases } from '../domain/states/node-states.js';
import type { Transaction } from '../store/store.js';

/** Databases bound the number of values in one question. */
const hostsAtOnce = 500;

/** Nodes of any family that are on these hosts. */
export async function nodesOnHosts(transaction: Transaction, hostIds: readonly string[]): Promise<Node[]> {
  const nodes: Node[] = [];
  for (let start = 0; start < hostIds.length; start += hostsAtOnce) {
    nodes.push(...(await transaction.nodes.find({ hostId: hostIds.slice(start, start + hostsAtOnce), phase: presentPhases })));
  }
  return nodes;
}
