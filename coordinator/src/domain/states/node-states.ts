import { nodePhases, type Node, type NodePhase } from '../model/node.js';

/** Phases in which the node's process is there and may be a member of a cluster. */
export const livePhases: readonly NodePhase[] = ['ready', 'joining', 'running'];

/** Phases of nodes that still are, or will be, on a host. */
export const presentPhases: readonly NodePhase[] = nodePhases.filter((phase) => phase !== 'gone');

/** Wanted running, it has run and ended in good order, as its restart policy lets it: nothing more comes of it. */
export const endedWell = { desired: 'running', phase: 'stopped' } as const;

export function hasEndedWell({ desired, phase }: Pick<Node, 'desired' | 'phase'>): boolean {
  return desired === endedWell.desired && phase === endedWell.phase;
}

/** Phases in which a node that drains goes on with it; any other ends that. */
const drainingPhases: readonly NodePhase[] = ['draining', 'unknown'];

/** The node in another phase; what it waited for is over. */
export function inPhase(node: Node, phase: NodePhase, now: number, fields: Partial<Node> = {}): Node {
  const { waiting: _over, draining, ...rest } = node;
  const since = node.phase === phase ? node.phaseSince : now;
  return { ...rest, ...(draining && drainingPhases.includes(phase) ? { draining } : {}), phase, phaseSince: since, ...fields };
}
