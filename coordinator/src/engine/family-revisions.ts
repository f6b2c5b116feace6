import { WombatError } from '@wombat/proto';
import type { Family, FamilyRevision, FamilySpec, RevisionOrigin } from '../domain/model/family.js';
import type { Node } from '../domain/model/node.js';
import { presentPhases } from '../domain/states/node-states.js';
import { generationOf } from '../domain/update/revision-before.js';
import type { Reader, Transaction, Where } from '../store/store.js';

export interface Revising extends RevisionOrigin {
  /** How many revisions are kept that no node runs. */
  readonly keep: number;
}

/** Gives the family another specification. The one that nodes run stays theirs until they are started, restarted or updated. */
export async function reviseFamily(transaction: Transaction, family: Family, changes: Partial<FamilySpec>, { keep, ...origin }: Revising): Promise<Family> {
  const { id, generation, spec, origin: before } = family;
  const hadNodes = (await transaction.nodes.count({ ...ofRevision(id, generation), ...(spec.releaseId === undefined ? {} : { releaseId: spec.releaseId }) })) > 0;
  await transaction.familyRevisions.insert({
    id: revisionId(id, generation), name: '', generation: 1, observedGeneration: 1, familyId: id, spec, hadNodes, ...(before ? { origin: before } : {}),
  });
  const revised = await transaction.families.update({ ...family, generation: generation + 1, spec: { ...spec, ...changes }, origin });
  await dropRevisions(transaction, id, keep);
  return revised;
}

/** All but the newest `keep` and those that nodes run; their secrets go with them. */
export async function dropRevisions(transaction: Transaction, familyId: string, keep: number): Promise<void> {
  const ids = await transaction.familyRevisions.ids({ familyId });
  if (ids.length <= keep) return;
  const counts = await nodesByGeneration(transaction, familyId);
  const newest = ids.sort((a, b) => generationOf({ id: b }) - generationOf({ id: a })).slice(0, keep);
  for (const id of ids) if (!newest.includes(id) && !counts.has(generationOf({ id }))) await transaction.familyRevisions.delete(id);
}

/** How many nodes run each generation of the family. No node is read. */
export async function nodesByGeneration(read: Pick<Reader, 'nodes'>, familyId: string): Promise<ReadonlyMap<number, number>> {
  const counts = await read.nodes.countBy('familyGeneration', { familyId, phase: presentPhases });
  return new Map(Object.entries(counts).map(([generation, count]) => [Number(generation), count]));
}

/** The specification that a node runs. @throws WombatError WO_NOT_FOUND */
export async function specOfNode(read: Pick<Reader, 'familyRevisions'>, family: Family, node: Pick<Node, 'name' | 'familyGeneration'>): Promise<FamilySpec> {
  const revision = await revisionAt(read, family, node.familyGeneration);
  if (!revision) throw new WombatError('WO_NOT_FOUND', `generation ${node.familyGeneration} of family ${family.name}, which ${node.name} runs, is not there any more`);
  return revision.spec;
}

/** What the family says at that generation, or said. */
export async function revisionAt(read: Pick<Reader, 'familyRevisions'>, family: Family, generation: number): Promise<Family | FamilyRevision | undefined> {
  return generation === family.generation ? family : read.familyRevisions.get(revisionId(family.id, generation));
}

/** Its nodes, by an index. */
export function ofRevision(familyId: string, generation: number): Where<'nodes'> {
  return { familyId, familyGeneration: String(generation), phase: presentPhases };
}

function revisionId(familyId: string, generation: number): string {
  return `${familyId}/${generation}`;
}
