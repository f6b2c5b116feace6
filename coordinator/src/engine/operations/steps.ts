import type { Host } from '../../domain/model/host.js';
import type { Node, NodePhase } from '../../domain/model/node.js';
import type { Operation, PlanEntry } from '../../domain/model/operation.js';
import { hasEndedWell } from '../../domain/states/node-states.js';
import { groupBy } from '@wombat/proto';
import type { Reader } from '../../store/store.js';

/**
 * waiting  nothing has begun
 * active   it is under way
 * done     as the plan says
 * failed   given up
 * left     no longer this operation's: cancelled, taken over by a later one, or nothing is known of it any more
 */
export type StepState = 'waiting' | 'active' | 'done' | 'failed' | 'left';

/** Where an entry of a plan stands. */
export interface Step {
  readonly state: StepState;
  readonly since?: number;
  readonly why: string;
}

const hostsAtOnce = 500;

/** Read off the nodes and hosts themselves: there is no second record that could disagree. */
export async function stepsOf(read: Pick<Reader, 'nodes' | 'hosts'>, operation: Operation): Promise<Step[]> {
  const nodes = new Map((await read.nodes.find({ operationId: operation.id })).map((node) => [node.id, node]));
  const hosts = new Map<string, Host>();
  const hostIds = [...groupBy(operation.plan.filter(isOfHost), ({ hostId }) => hostId).keys()].slice(0, hostsAtOnce);
  for (const id of hostIds) {
    const host = await read.hosts.get(id);
    if (host) hosts.set(id, host);
  }
  return operation.plan.map((entry) => (isOfHost(entry) ? hostStep(entry, hosts.get(entry.hostId)) : nodeStep(entry, nodes.get(entry.nodeId), operation)));
}

function isOfHost({ action }: PlanEntry): boolean {
  return action === 'create_host' || action === 'destroy_host';
}

function hostStep({ action }: PlanEntry, host: Host | undefined): Step {
  if (!host) return action === 'destroy_host' ? { state: 'done', why: '' } : { state: 'left', why: 'the host is gone' };
  const said = { since: host.phaseSince, why: host.waiting?.reason ?? '' };
  if (action === 'destroy_host') return host.phase === 'gone' ? { ...said, state: 'done' } : { ...said, state: host.phase === 'destroying' ? 'active' : 'waiting' };
  switch (host.phase) {
    case 'requested':
      return { ...said, state: 'waiting' };
    case 'creating':
    case 'booting':
      return { ...said, state: 'active', why: said.why || `it is ${host.phase}` };
    case 'failed':
      return { ...said, state: 'failed', why: host.lastError?.message ?? '' };
    case 'destroying':
    case 'gone':
      return { ...said, state: 'left', why: `the host is ${host.phase}` };
    default:
      return { ...said, state: 'done', why: '' };
  }
}

const goals: Readonly<Record<string, NodePhase>> = {
  create_node: 'running', start_node: 'running', restart_node: 'running', stop_node: 'stopped', drain_node: 'stopped', remove_node: 'gone',
};

function nodeStep({ action }: PlanEntry, node: Node | undefined, operation: Operation): Step {
  if (!node) return { state: 'left', why: 'a later operation has the node, or it is no more' };
  const said = { since: node.phaseSince, why: node.waiting?.reason ?? '' };
  const goal = goals[action] ?? 'running';
  if (node.phase === goal) return { ...said, state: 'done', why: '' };
  if (goal === 'running' && hasEndedWell(node)) return { ...said, state: 'done', why: 'it has ended in good order, as its restart policy lets it' };
  if (operation.finishedAt !== undefined) return { ...said, state: node.phase === 'failed' ? 'failed' : 'left', why: node.phase === 'failed' ? (node.lastError?.message ?? '') : `it is ${node.phase}` };
  if (node.phase === 'failed') return { ...said, state: 'failed', why: node.lastError?.message ?? '' };
  if (node.phase === 'pending') return { ...said, state: 'waiting' };
  return { ...said, state: 'active', why: said.why ? `${node.phase}: ${said.why}` : node.phase };
}
