import type { Node } from '../../domain/model/node.js';
import type { Operation } from '../../domain/model/operation.js';
import type { Release } from '../../domain/model/release.js';
import { isErlangRelease } from '../../domain/release/fill-manifest.js';
import { inPhase } from '../../domain/states/node-states.js';
import type { Transaction } from '../../store/store.js';
import { withAllTries } from '../change-nodes.js';
import { changedPorts } from '../ports-allocation.js';

/**
 * The node goes over to the release and to the revision that the operation says. Name, ordinal, host, address and data stay its own.
 * Its agent fetches the release and looks whether it can run before it stops what runs.
 */
export async function takeNode(transaction: Transaction, operation: Operation, familyGeneration: number, release: Release, node: Node, now: number): Promise<Node> {
  const changed = {
    ...withAllTries(node),
    familyGeneration,
    releaseId: release.id,
    ports: await changedPorts(transaction, release.manifest, node),
    erlangName: node.address !== '' && isErlangRelease(release) ? `${node.name}@${node.address}` : '',
    generation: node.generation + 1,
    operationId: operation.id,
  };
  // What is stopped takes what it is started with the next time.
  if (node.desired === 'stopped') return transaction.nodes.update(changed);
  return transaction.nodes.update(inPhase(changed, 'pending', now, { waiting: { reason: 'its host has not taken it yet', since: now } }));
}
