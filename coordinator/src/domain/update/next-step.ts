import type { NodeDesired, NodePhase } from '../model/node.js';
import { hasEndedWell } from '../states/node-states.js';

/** A node of the family, as an update sees it. */
export interface UpdateNode {
  readonly id: string;
  readonly name: string;
  readonly ordinal: number;
  readonly desired: NodeDesired;
  readonly phase: NodePhase;
  /** It shall be brought to what the family says. */
  readonly isPlanned: boolean;
  /** The update has begun with it. */
  readonly isTaken: boolean;
  /** Its host answers, or will once it is up: one that does not can neither fetch nor stop anything. */
  readonly isReachable: boolean;
  /** It has run for as long as a node shall before the next one is taken. */
  readonly isSteady: boolean;
}

export type UpdateStep =
  | { readonly kind: 'take'; readonly nodeIds: readonly string[] }
  /** Without a reason: for the nodes that are under way. */
  | { readonly kind: 'wait'; readonly reason?: string }
  /** Nothing is under way any more, and nothing more is begun. */
  | { readonly kind: 'end'; readonly outcome: 'done' | 'failed' | 'cancelled' };

export interface UpdateSituation {
  readonly nodes: readonly UpdateNode[];
  readonly maxParallel: number;
  readonly isCancelled: boolean;
  /** What the nodes say of their cluster after the last step; `forming`: it is being looked at. */
  readonly cluster: 'sound' | 'forming' | 'split';
}

/**
 * Which nodes are updated next. The order: nodes that are stopped (nothing of them runs, so they wait for nobody), then
 * those that do not run as they should, then the others, the oldest first; last those whose hosts do not answer, when they do
 * again. A node that runs is taken only while fewer than `maxParallel` nodes of the family are away from running, whatever for. After a failure, a split cluster or a
 * wish to cancel no further node is touched; what is under way is waited for, so that the end tells what holds.
 */
export function nextUpdateStep(situation: UpdateSituation): UpdateStep {
  const { nodes, isCancelled } = situation;
  // What was so before is no outcome of the update.
  const cluster = nodes.some(({ isTaken, desired }) => isTaken && desired === 'running') ? situation.cluster : 'sound';
  const underWay = nodes.filter((node) => node.isTaken && !isSettled(node));
  const hasFailed = cluster === 'split' || nodes.some((node) => node.isTaken && node.phase === 'failed');
  const left = nodes.filter((node) => node.isPlanned && !node.isTaken && node.desired !== 'absent');
  if (hasFailed || isCancelled || left.length === 0) {
    if (underWay.length > 0) return untilSettled(underWay);
    if (isCancelled) return { kind: 'end', outcome: 'cancelled' };
    if (hasFailed) return { kind: 'end', outcome: 'failed' };
    return cluster === 'forming' ? lookedAt : { kind: 'end', outcome: 'done' };
  }
  const nodeIds = taken({ ...situation, cluster }, left, underWay.length);
  if (nodeIds.length > 0) return { kind: 'take', nodeIds };
  if (underWay.length > 0) return untilSettled(underWay);
  if (cluster === 'forming') return lookedAt;
  const hasReachable = left.some(({ isReachable }) => isReachable);
  return { kind: 'wait', reason: hasReachable ? `at most ${situation.maxParallel} may be away from running: ${told(nodes.filter(isAway))}` : `what is left waits for its hosts: ${told(left)}` };
}

/** Only for what does not go on by itself there is something to tell. */
function untilSettled(underWay: readonly UpdateNode[]): UpdateStep {
  const stuck = underWay.filter(({ isReachable }) => !isReachable);
  return stuck.length > 0 ? { kind: 'wait', reason: `a node that was begun with waits for its host: ${told(stuck)}` } : { kind: 'wait' };
}

const lookedAt: UpdateStep = { kind: 'wait', reason: 'whether the nodes are one cluster is looked at' };

function taken({ nodes, maxParallel, cluster }: UpdateSituation, left: readonly UpdateNode[], underWay: number): string[] {
  const idle = left.filter(({ desired }) => desired === 'stopped').map(({ id }) => id);
  if (cluster === 'forming') return idle;
  const inOrder = left.filter(({ desired, isReachable }) => desired === 'running' && isReachable).sort(byTurn);
  let room = maxParallel - underWay;
  let away = nodes.filter(isAway).length;
  const ids: string[] = [];
  for (const node of inOrder) {
    if (room <= 0) break;
    if (!isAway(node) && away >= maxParallel) break;
    if (!isAway(node)) away += 1;
    room -= 1;
    ids.push(node.id);
  }
  return [...idle, ...ids];
}

/** The order in which nodes are taken. */
export function byTurn(one: Turn, other: Turn): number {
  const rank = (node: Turn): number => (node.desired === 'stopped' ? 0 : !node.isReachable ? 3 : isAway(node) ? 1 : 2);
  return rank(one) - rank(other) || one.ordinal - other.ordinal;
}

type Turn = Pick<UpdateNode, 'desired' | 'phase' | 'ordinal' | 'isReachable'>;

/** It should run, and does not. */
function isAway(node: Pick<UpdateNode, 'desired' | 'phase'>): boolean {
  return node.desired === 'running' && node.phase !== 'running' && !hasEndedWell(node);
}

/** A taken node that needs no more waiting. */
function isSettled(node: UpdateNode): boolean {
  const { desired, phase, isSteady } = node;
  return phase === 'failed' || desired === 'stopped' || hasEndedWell(node) || (phase === 'running' && isSteady);
}

const toldNodes = 3;

function told(nodes: readonly UpdateNode[]): string {
  const more = nodes.length > toldNodes ? ` and ${nodes.length - toldNodes} more` : '';
  return `${nodes.slice(0, toldNodes).map(({ name, phase, isReachable }) => `${name} is ${phase}${isReachable ? '' : ' (its host does not answer)'}`).join(', ')}${more}`;
}
