import type { Family, FamilyRevision } from '../model/family.js';
import { runsAlike } from './run-spec.js';

/**
 * What `--rollback` goes back to: the newest revision before the present one that nodes ran and that runs otherwise.
 * A family that has gone back already goes further back, never forth again to what it came from.
 */
export function revisionBefore(family: Family, revisions: readonly FamilyRevision[], hasNodes: (generation: number) => boolean): FamilyRevision | undefined {
  const from = family.origin?.backTo ?? family.generation;
  const earlier = revisions.filter((revision) => generationOf(revision) < from).sort((a, b) => generationOf(b) - generationOf(a));
  return earlier.find((revision) => (revision.hadNodes || hasNodes(generationOf(revision))) && !runsAlike(revision.spec, family.spec));
}

export function generationOf({ id }: Pick<FamilyRevision, 'id'>): number {
  return Number(id.slice(id.lastIndexOf('/') + 1));
}
