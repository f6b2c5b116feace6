import { nodePhases, type Node, type NodePhase } from '../model/node.js';

/** Phases in which the node's process is there and may be a member of a cluster. */
export const livePhases: readonly NodePhase[] = ['ready', 'joining', 'running'];

/** Phases of nodes that still are, or will be, on a host. */
export const presentPhases: readonly NodePhase[] = nodePhases.filter((phase) => phase !== 'gone');

/** The node in another phase; what it waited for is over. */
export function inPhase(node: Node, phase: NodePhase, now: number, fields: Partial<Node> = {}): Node {
  const { waiting: _over, ...rest } = node;
  const since = node.phase === phase ? node.phaseSince : now;
  return { ...rest, phase, phaseSince: since, ...fields };
}
