import type { Node } from '../../domain/model/node.js';
import { presentPhases } from '../../domain/states/node-states.js';
import { groupBy } from '@wombat/proto';
import type { Reader } from '../../store/store.js';
import { ReleaseTitles } from './release-titles.js';

const toldNodes = 5;

/** "generation 4 (Sample 0.2.0): web-1, web-2; generation 3 (Sample 0.1.0): web-3", the newest first. */
export async function whatRunsWhat(read: Pick<Reader, 'nodes' | 'releases'>, familyId: string): Promise<string> {
  const nodes = (await read.nodes.find({ familyId, phase: presentPhases })).filter(({ desired }) => desired !== 'absent').sort((a, b) => a.ordinal - b.ordinal);
  const titles = new ReleaseTitles(read);
  const groups = [...groupBy(nodes, ({ familyGeneration, releaseId }) => `${familyGeneration}/${releaseId}`).values()].sort((a, b) => b[0]!.familyGeneration - a[0]!.familyGeneration);
  const parts = await Promise.all(groups.map(async (group) => `generation ${group[0]!.familyGeneration} (${await titles.of(group[0]!.releaseId)}): ${namesOf(group)}`));
  return parts.join('; ');
}

function namesOf(nodes: readonly Node[]): string {
  const more = nodes.length > toldNodes ? ` and ${nodes.length - toldNodes} more` : '';
  return `${nodes.slice(0, toldNodes).map(toldOf).join(', ')}${more}`;
}

/** The process of a node that was refused before anything was stopped is that of before. */
function toldOf({ name, phase, pid }: Node): string {
  if (phase === 'failed') return `${name} (failed, ${pid > 0 ? 'what ran before runs on' : 'nothing of it runs'})`;
  return phase === 'running' ? name : `${name} (${phase})`;
}
