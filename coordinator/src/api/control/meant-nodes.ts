import { WombatError } from '@wombat/proto';
import type { Node } from '../../domain/model/node.js';
import { presentPhases } from '../../domain/states/node-states.js';
import { lookUp } from '../../engine/find-object.js';
import { hintWithNearest } from '../../engine/nearest-name.js';
import type { Reader } from '../../store/store.js';

export type NodeReader = Pick<Reader, 'nodes' | 'families'>;

/** Nodes by id or name; a family means all of its nodes. Those that are gone are left out. */
export async function meantNodes(read: NodeReader, references: readonly string[]): Promise<Node[]> {
  const nodes = await alsoGone(read, references);
  return nodes.filter((node) => node.phase !== 'gone');
}

/** The same, and a node that is gone when it was named itself. @throws WombatError WO_NOT_FOUND, WO_AMBIGUOUS */
export async function alsoGone(read: NodeReader, references: readonly string[]): Promise<Node[]> {
  const nodes = new Map<string, Node>();
  for (const reference of new Set(references)) {
    for (const node of await nodesOf(read, reference)) nodes.set(node.id, node);
  }
  return [...nodes.values()];
}

async function nodesOf(read: NodeReader, reference: string): Promise<Node[]> {
  const node = await lookUp(read, 'nodes', reference);
  if (node) return [node];
  const family = await lookUp(read, 'families', reference);
  if (family) return read.nodes.find({ familyId: family.id, phase: presentPhases });
  throw new WombatError('WO_NOT_FOUND', `there is no node or family ${JSON.stringify(reference.slice(0, 80))}`, {
    hint: await hintWithNearest(read, ['nodes', 'families'], reference, 'see those there are: wo node list'),
  });
}
