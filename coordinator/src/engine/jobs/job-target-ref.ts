import type { Host, HostPhase } from '../../domain/model/host.js';
import type { Node, NodePhase } from '../../domain/model/node.js';
import { livePhases } from '../../domain/states/node-states.js';

interface RefBase {
  readonly targetId: string;
  readonly targetName: string;
  readonly hostId: string;
}

/** Where a job may go: a node, or a host itself. */
export type JobTargetRef =
  | (RefBase & { readonly kind: 'node'; readonly phase: NodePhase; readonly familyId: string; readonly releaseId: string })
  | (RefBase & { readonly kind: 'host'; readonly phase: HostPhase });

export function nodeRef({ id, name, hostId, phase, familyId, releaseId }: Pick<Node, 'id' | 'name' | 'hostId' | 'phase' | 'familyId' | 'releaseId'>): JobTargetRef {
  return { kind: 'node', targetId: id, targetName: name, hostId, phase, familyId, releaseId };
}

export function hostRef({ id, name, phase }: Host): JobTargetRef {
  return { kind: 'host', targetId: id, targetName: name, hostId: id, phase };
}

/** Of a node that is `unknown` the agent knows more; it may answer all the same. */
const phasesToRunIn: readonly NodePhase[] = [...livePhases, 'draining', 'unknown'];

/** A job passes the others over, unless it is for all. */
export function runs(target: JobTargetRef): boolean {
  return target.kind === 'host' || phasesToRunIn.includes(target.phase);
}
