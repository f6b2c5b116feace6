import { WombatError } from '@wombat/proto';
import type { Family, FamilySpec } from '../domain/model/family.js';
import type { Node } from '../domain/model/node.js';
import { presentPhases } from '../domain/states/node-states.js';
import type { Reader, Transaction } from '../store/store.js';

/**
 * Gives the family another specification. The one that nodes run stays theirs until they are started or restarted;
 * what no node runs any more is dropped, its secrets with it.
 */
export async function reviseFamily(transaction: Transaction, family: Family, changes: Partial<FamilySpec>): Promise<Family> {
  const { id, generation, spec } = family;
  await transaction.familyRevisions.insert({ id: revisionId(id, generation), name: '', generation: 1, observedGeneration: 1, familyId: id, spec });
  const revised = await transaction.families.update({ ...family, generation: generation + 1, spec: { ...spec, ...changes } });
  await dropUnusedRevisions(transaction, id);
  return revised;
}

/** To be called when nodes have gone over to another revision. */
export async function dropUnusedRevisions(transaction: Transaction, familyId: string): Promise<void> {
  const kept = await transaction.familyRevisions.ids({ familyId });
  if (kept.length === 0) return;
  const nodes = await transaction.nodes.find({ familyId, phase: presentPhases });
  const used = new Set(nodes.map(({ familyGeneration }) => revisionId(familyId, familyGeneration)));
  for (const id of kept) if (!used.has(id)) await transaction.familyRevisions.delete(id);
}

/** The specification that a node runs. @throws WombatError WO_NOT_FOUND */
export async function specOfNode(read: Pick<Reader, 'familyRevisions'>, family: Family, node: Pick<Node, 'name' | 'familyGeneration'>): Promise<FamilySpec> {
  if (node.familyGeneration === family.generation) return family.spec;
  const revision = await read.familyRevisions.get(revisionId(family.id, node.familyGeneration));
  if (!revision) throw new WombatError('WO_NOT_FOUND', `generation ${node.familyGeneration} of family ${family.name}, which ${node.name} runs, is not there any more`);
  return revision.spec;
}

function revisionId(familyId: string, generation: number): string {
  return `${familyId}/${generation}`;
}
