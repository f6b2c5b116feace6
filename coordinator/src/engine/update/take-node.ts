import type { Node } from '../../domain/model/node.js';
import type { Release } from '../../domain/model/release.js';
import { isErlangRelease } from '../../domain/release/fill-manifest.js';
import { drainNode } from '../../domain/states/draining.js';
import { inPhase } from '../../domain/states/node-states.js';
import type { Transaction } from '../../store/store.js';
import { withAllTries } from '../change-nodes.js';
import { changedPorts } from '../ports-allocation.js';

export interface Taking {
  readonly operationId: string;
  /** Of the family, that the node goes over to. */
  readonly familyGeneration: number;
  readonly release: Release;
  /** It has something to do before its process may end. */
  readonly drains: boolean;
  readonly now: number;
}

/**
 * The node goes over to a release and a revision. Name, ordinal, host, address and data stay its own. Its agent fetches
 * the release and looks whether it can run before it stops what runs.
 */
export async function takeNode(transaction: Transaction, node: Node, { operationId, familyGeneration, release, drains, now }: Taking): Promise<Node> {
  const change = {
    familyGeneration,
    releaseId: release.id,
    ports: await changedPorts(transaction, release.manifest, node),
    erlangName: node.address !== '' && isErlangRelease(release) ? `${node.name}@${node.address}` : '',
  };
  const held = { ...withAllTries(node), operationId };
  // One that runs as it should already, and has failed all the same, is only tried again.
  const isOther = node.familyGeneration !== familyGeneration || node.releaseId !== release.id;
  // Once it has left its cluster, its process ends whatever it is to run: only a new one joins again.
  if (drains && isOther) return transaction.nodes.update(drainNode(held, { ...change, restartGeneration: node.restartGeneration + 1 }, now));
  const changed = { ...held, ...change, generation: node.generation + 1 };
  // What is stopped takes what it is started with the next time.
  if (node.desired === 'stopped') return transaction.nodes.update(changed);
  return transaction.nodes.update(inPhase(changed, 'pending', now, { waiting: { reason: 'its host has not taken it yet', since: now } }));
}
