import type { Node, NodePhase } from '../../domain/model/node.js';
import { livePhases } from '../../domain/states/node-states.js';
import type { Store } from '../../store/store.js';

export interface ClusterNodes {
  /** Have joined with the process that they run now, by their place in the family. */
  readonly members: readonly Node[];
  /** Run, and have not joined yet, by their place in the family. */
  readonly candidates: readonly Node[];
  /** Have joined and are wanted, but their host is silent, or they are about to leave. */
  readonly unseen: readonly Node[];
}

const unseenPhases: readonly NodePhase[] = ['unknown', 'draining'];

/** The nodes of a family that are wanted running, by what they are to its cluster. */
export async function clusterNodes({ read }: Pick<Store, 'read'>, familyId: string): Promise<ClusterNodes> {
  const nodes = await read.nodes.find({ familyId, phase: [...livePhases, ...unseenPhases] });
  const wanted = nodes.filter(({ desired }) => desired === 'running').sort((a, b) => a.ordinal - b.ordinal);
  const live = wanted.filter(({ phase }) => livePhases.includes(phase));
  return {
    members: live.filter(hasJoined),
    candidates: live.filter((node) => !hasJoined(node)),
    unseen: wanted.filter((node) => unseenPhases.includes(node.phase) && hasJoined(node)),
  };
}

/** With the process that it runs, as far as is known. */
export function hasJoined({ membership, startId }: Node): boolean {
  return membership?.joined === true && membership.startId === startId;
}
