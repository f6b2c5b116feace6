import type { Family, FamilySpec } from '../../domain/model/family.js';
import type { Node } from '../../domain/model/node.js';
import { runsAlike } from '../../domain/update/run-spec.js';
import type { Reader } from '../../store/store.js';
import { nodesByGeneration, ofRevision, revisionAt } from '../family-revisions.js';

/** How many nodes of the family, running or stopped, an update would take over to what it says now. No node is read. */
export async function countOutdated(read: Pick<Reader, 'nodes' | 'familyRevisions'>, family: Family): Promise<number> {
  const { releaseId } = family.spec;
  const kept = { desired: ['running', 'stopped'] } as const;
  let count = 0;
  for (const generation of (await nodesByGeneration(read, family.id)).keys()) {
    const here = { ...ofRevision(family.id, generation), ...kept };
    count += await read.nodes.count(here);
    const was = (await revisionAt(read, family, generation))?.spec ?? family.spec;
    if (isAsSaid(was, releaseId, family)) count -= await read.nodes.count(releaseId === undefined ? here : { ...here, releaseId });
  }
  return count;
}

/** Whether an update would take this node of the family over. */
export async function isOutdated(read: Pick<Reader, 'familyRevisions'>, family: Family, { familyGeneration, releaseId, desired }: Node): Promise<boolean> {
  if (desired === 'absent') return false;
  const was = (await revisionAt(read, family, familyGeneration))?.spec ?? family.spec;
  return !isAsSaid(was, releaseId, family);
}

/** Each node was deployed with a release of its own, perhaps: its revision says nothing about that. */
function isAsSaid(was: FamilySpec, releaseId: string | undefined, { spec }: Family): boolean {
  return runsAlike(spec.releaseId === undefined || releaseId === undefined ? was : { ...was, releaseId }, spec);
}
