import { WombatError } from '@wombat/proto';
import { NodePhase } from '@wombat/proto/agent';

/**
 * Where a node is on its host. What leads from one to the next:
 *
 *   pending      wanted, and waiting: for its turn, for the next try, or for what a fetch needs.
 *                A daemon whose start command returned, and an adopted process, go on from here
 *   fetching     its release is brought to the host, unless it is there
 *   configuring  root, files, home, cookie, epmd; its ports are tried
 *   starting     the process runs, the ready check does not succeed yet
 *   ready        the ready check succeeded; the process is watched
 *   stopping     stop action, TERM, KILL
 *   stopped      no process, and none is wanted (or it ended in good order and shall not come back)
 *   failed       it was given up; a new generation begins again
 *   absent       nothing of it is left on this host
 */
export const transitions = {
  pending: ['fetching', 'configuring', 'starting', 'ready', 'stopping', 'stopped', 'failed'],
  fetching: ['pending', 'configuring', 'stopping', 'stopped', 'failed'],
  configuring: ['pending', 'starting', 'stopping', 'stopped', 'failed'],
  starting: ['pending', 'ready', 'stopping', 'stopped', 'failed'],
  ready: ['pending', 'stopping', 'stopped', 'failed'],
  stopping: ['pending', 'stopped', 'failed', 'absent'],
  stopped: ['pending', 'stopping'],
  failed: ['pending', 'stopping', 'stopped'],
  absent: ['pending', 'stopped'],
} as const satisfies Record<string, readonly string[]>;

export type Phase = keyof typeof transitions;

export const phases = Object.keys(transitions) as readonly Phase[];

/** The next phase, if it may follow. @throws WombatError WO_INTERNAL */
export function advance(from: Phase, to: Phase): Phase {
  const allowed: readonly Phase[] = transitions[from];
  if (from !== to && !allowed.includes(to)) throw new WombatError('WO_INTERNAL', `a node that is ${from} cannot become ${to}`);
  return to;
}

export const wirePhases: Readonly<Record<Phase, NodePhase>> = {
  pending: NodePhase.PENDING,
  fetching: NodePhase.FETCHING,
  configuring: NodePhase.CONFIGURING,
  starting: NodePhase.STARTING,
  ready: NodePhase.READY,
  stopping: NodePhase.STOPPING,
  stopped: NodePhase.STOPPED,
  failed: NodePhase.FAILED,
  absent: NodePhase.ABSENT,
};
