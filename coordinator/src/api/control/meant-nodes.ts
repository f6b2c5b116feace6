import { WombatError } from '@wombat/proto';
import type { Family } from '../../domain/model/family.js';
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

/** The same by ids: whoever acts later means the nodes that the families have then. @throws WombatError WO_NOT_FOUND, WO_AMBIGUOUS */
export async function meantIds(read: NodeReader, references: readonly string[]): Promise<{ nodeIds: string[]; familyIds: string[]; names: string[] }> {
  const meant = { nodeIds: new Set<string>(), familyIds: new Set<string>(), names: new Set<string>() };
  for (const reference of new Set(references)) {
    const { kind, object } = await referred(read, reference);
    meant[kind === 'nodes' ? 'nodeIds' : 'familyIds'].add(object.id);
    meant.names.add(object.name);
  }
  return { nodeIds: [...meant.nodeIds], familyIds: [...meant.familyIds], names: [...meant.names] };
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
  const meant = await referred(read, reference);
  return meant.kind === 'nodes' ? [meant.object] : read.nodes.find({ familyId: meant.object.id, phase: presentPhases });
}

type Referred = { readonly kind: 'nodes'; readonly object: Node } | { readonly kind: 'families'; readonly object: Family };

async function referred(read: NodeReader, reference: string): Promise<Referred> {
  const node = await lookUp(read, 'nodes', reference);
  if (node) return { kind: 'nodes', object: node };
  const family = await lookUp(read, 'families', reference);
  if (family) return { kind: 'families', object: family };
  throw new WombatError('WO_NOT_FOUND', `there is no node or family ${JSON.stringify(reference.slice(0, 80))}`, {
    hint: await hintWithNearest(read, ['nodes', 'families'], reference, 'see those there are: wo node list'),
  });
}
