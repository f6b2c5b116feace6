import type { FamilyRevision as RevisionMessage } from '@wombat/proto/control';
import type { Family, FamilySpec, RevisionOrigin } from '../../domain/model/family.js';
import { changesBetween } from '../../domain/update/changes-between.js';
import { generationOf } from '../../domain/update/revision-before.js';
import { nodesByGeneration, ofRevision } from '../../engine/family-revisions.js';
import { ReleaseTitles } from '../../engine/update/release-titles.js';
import type { Reader } from '../../store/store.js';
import { restartView } from './views/family-view.js';

const namedNodes = 100;

interface Revision {
  readonly generation: number;
  readonly spec: FamilySpec;
  readonly origin: RevisionOrigin | undefined;
}

/** What the family says and said, the newest first. No value of a secret is in it. */
export async function familyRevisions(read: Reader, family: Family): Promise<RevisionMessage[]> {
  const kept = (await read.familyRevisions.find({ familyId: family.id })).map((revision): Revision => ({ generation: generationOf(revision), spec: revision.spec, origin: revision.origin }));
  const all = [...kept, { generation: family.generation, spec: family.spec, origin: family.origin }].sort((a, b) => b.generation - a.generation);
  const counts = await nodesByGeneration(read, family.id);
  const titles = new ReleaseTitles(read);
  return Promise.all(all.map(async ({ generation, spec, origin }, index): Promise<RevisionMessage> => ({
    generation: BigInt(generation),
    createdAt: new Date(origin?.at ?? family.createdAt),
    principal: origin?.principal ?? '',
    releaseId: spec.releaseId ?? '',
    releaseTitle: spec.releaseId === undefined ? '' : await titles.of(spec.releaseId),
    changes: all[index + 1] ? changesBetween(all[index + 1]!.spec, spec) : [],
    backTo: BigInt(origin?.backTo ?? 0),
    current: index === 0,
    nodeCount: counts.get(generation) ?? 0,
    nodes: counts.has(generation) ? await read.nodes.namesAround('', namedNodes, ofRevision(family.id, generation)) : [],
    environment: { ...spec.environment },
    secretNames: Object.keys(spec.sealedSecrets).sort(),
    restart: restartView(spec.restart),
  })));
}
