import type { Family } from '../../domain/model/family.js';
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
    // Each was deployed with a release of its own, perhaps: the revision says nothing about that.
    const isAlike = runsAlike(releaseId === undefined ? was : { ...was, releaseId }, family.spec);
    if (isAlike) count -= await read.nodes.count(releaseId === undefined ? here : { ...here, releaseId });
  }
  return count;
}
