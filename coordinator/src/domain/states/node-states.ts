import type { Node, NodePhase } from '../model/node.js';

/**
 * pending      waits for its host
 * fetching     the host fetches and unpacks the release
 * configuring  its root is made, its files are rendered
 * starting     its process was started, the ready check has not passed
 * ready        the ready check has passed, it is no member of its cluster yet
 * joining      the bootstrap strategy's steps run
 * running      as wanted
 * draining     it leaves its cluster before it is stopped
 * stopping     the stop action runs
 * stopped      its process has ended because that was wanted
 * failed       given up, until somebody asks again
 * unknown      its host is silent
 * gone         nothing of it is left; the row is history
 */
export const nodePhaseMeaning: Readonly<Record<NodePhase, 'waiting' | 'moving' | 'settled'>> = {
  pending: 'waiting',
  fetching: 'moving',
  configuring: 'moving',
  starting: 'moving',
  ready: 'moving',
  joining: 'moving',
  running: 'settled',
  draining: 'moving',
  stopping: 'moving',
  stopped: 'settled',
  failed: 'settled',
  unknown: 'waiting',
  gone: 'settled',
};

/** Phases in which the node's process is there and may be a member of a cluster. */
export const livePhases: readonly NodePhase[] = ['ready', 'joining', 'running'];

/** Phases of nodes that still are, or will be, on a host. */
export const presentPhases = Object.keys(nodePhaseMeaning).filter((phase) => phase !== 'gone') as readonly NodePhase[];

/** The node in another phase; what it waited for is over. */
export function inPhase(node: Node, phase: NodePhase, now: number, fields: Partial<Node> = {}): Node {
  const { waiting: _over, ...rest } = node;
  const since = node.phase === phase ? node.phaseSince : now;
  return { ...rest, phase, phaseSince: since, ...fields };
}
