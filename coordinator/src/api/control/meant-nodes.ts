import { WombatError } from '@wombat/proto';
import type { Family } from '../../domain/model/family.js';
import type { Node } from '../../domain/model/node.js';
import { presentPhases } from '../../domain/states/node-states.js';
import { findObject } from '../../engine/find-object.js';
import type { Reader } from '../../store/store.js';

export type NodeReader = Pick<Reader, 'nodes' | 'families'>;

/** Nodes by id or name; a family means all of its nodes. Those that are gone are left out. */
export async function meantNodes(read: NodeReader, references: readonly string[]): Promise<Node[]> {
  const nodes = await alsoGone(read, references);
  return nodes.filter((node) => node.phase !== 'gone');
}

/** The same, and a node that is gone when it was named itself. */
export async function alsoGone(read: NodeReader, references: readonly string[]): Promise<Node[]> {
  const nodes = new Map<string, Node>();
  for (const reference of new Set(references)) {
    for (const node of await nodesOf(read, reference)) nodes.set(node.id, node);
  }
  return [...nodes.values()];
}

async function nodesOf(read: NodeReader, reference: string): Promise<Node[]> {
  const found = await nodeOrFamily(read, reference);
  return found.node ? [found.node] : read.nodes.find({ familyId: found.family!.id, phase: presentPhases });
}

/** @throws WombatError WO_NOT_FOUND, WO_AMBIGUOUS */
async function nodeOrFamily(read: NodeReader, reference: string): Promise<{ readonly node?: Node; readonly family?: Family }> {
  try {
    return { node: await findObject(read, 'nodes', reference) };
  } catch (error) {
    if (!WombatError.is(error) || error.code !== 'WO_NOT_FOUND') throw error;
    const family = await findObject(read, 'families', reference).catch((error: unknown): never => {
      if (!WombatError.is(error) || error.code !== 'WO_NOT_FOUND') throw error;
      throw new WombatError('WO_NOT_FOUND', `there is no node or family ${JSON.stringify(reference.slice(0, 80))}`, { hint: 'see those there are: wo node list' });
    });
    return { family };
  }
}
