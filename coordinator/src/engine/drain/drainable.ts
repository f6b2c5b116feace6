import type { Family } from '../../domain/model/family.js';
import type { Node } from '../../domain/model/node.js';
import { isLive } from '../../domain/states/draining.js';
import type { Reader } from '../../store/store.js';

/** Whether the strategy of a family makes its nodes join a cluster. */
export type Joins = (family: Family) => boolean;

/** Ids of those that have something to do before they are stopped: a drain command, or a cluster to leave. */
export async function drainableNodes(read: Pick<Reader, 'families' | 'releases'>, nodes: readonly Node[], joins: Joins): Promise<Set<string>> {
  const known = new Map<string, boolean>();
  const drainable = new Set<string>();
  for (const node of nodes.filter(isLive)) {
    const key = `${node.familyId}/${node.releaseId}`;
    if (!known.has(key)) known.set(key, await hasToDrain(read, node, joins));
    if (known.get(key)) drainable.add(node.id);
  }
  return drainable;
}

async function hasToDrain(read: Pick<Reader, 'families' | 'releases'>, node: Node, joins: Joins): Promise<boolean> {
  const release = await read.releases.get(node.releaseId);
  if (release?.manifest.drain) return true;
  const family = await read.families.get(node.familyId);
  return family !== undefined && joins(family);
}
