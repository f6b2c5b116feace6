import type { AfterDrain, Node } from '../model/node.js';
import { inPhase, livePhases } from './node-states.js';

/** Its process goes on running until it has left. */
export function drainNode(node: Node, then: AfterDrain, now: number): Node {
  return inPhase(node, 'draining', now, { draining: { since: now, stage: 'hook', then } });
}

/** What follows a drain, or is done without one: its process ends in either case. */
export function afterDrain(node: Node, then: AfterDrain, now: number): Node {
  return inPhase({ ...node, ...then, generation: node.generation + 1 }, 'stopping', now);
}

/** Back to work. One that may have left its cluster joins it again. */
export function endDrain(node: Node, joins: boolean, now: number): Node {
  // Its host is silent, and says what it is when it comes back.
  if (node.phase === 'unknown') return endUnseen(node);
  if (!joins) return inPhase(node, 'running', now);
  if (node.draining?.stage === 'hook' && node.membership?.joined) return inPhase(node, 'running', now);
  const { membership: _left, ...rest } = node;
  return inPhase(rest, 'ready', now);
}

function endUnseen({ draining, membership, ...node }: Node): Node {
  return { ...node, ...(membership && draining?.stage === 'hook' ? { membership } : {}) };
}

/** One that could not be drained still runs, and is not stopped as if it had never been in the way. */
export function isLive({ phase, lastError }: Pick<Node, 'phase'> & { readonly lastError?: Node['lastError'] | undefined }): boolean {
  return livePhases.includes(phase) || (phase === 'failed' && lastError?.code === 'WO_NODE_DRAIN_FAILED');
}

/** Whether it shall run, also when it is through with being drained. */
export function shallRun({ desired, draining }: Node): boolean {
  return (draining?.then.desired ?? desired) === 'running';
}

/** Whether nothing shall be left of it, now or once it is drained. */
export function shallGo({ desired, draining }: Node): boolean {
  return desired === 'absent' || draining?.then.desired === 'absent';
}
