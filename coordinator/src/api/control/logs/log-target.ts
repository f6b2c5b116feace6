import { limits, naturalOrder, toErrorDetail, WombatError, type Clock, quoted } from '@wombat/proto';
import type { LogNode, LogProblem } from '@wombat/proto/control';
import type { Host } from '../../../domain/model/host.js';
import type { Node } from '../../../domain/model/node.js';
import type { Fleet } from '../../../fleet/fleet.js';
import type { Store } from '../../../store/store.js';
import { alsoGone } from '../meant-nodes.js';

export interface LogTools {
  readonly store: Store;
  readonly clock: Clock;
  readonly fleet: Fleet;
}

/** A node whose logs are asked for, and the host that has them. */
export interface LogTarget {
  readonly node: Node;
  readonly host: Host | undefined;
}

/** In the order of their names. @throws WombatError WO_NOT_FOUND, WO_AMBIGUOUS, WO_INVALID_ARGUMENT when there are too many */
export async function logTargets({ store }: LogTools, references: readonly string[]): Promise<LogTarget[]> {
  const nodes = await alsoGone(store.read, references);
  if (nodes.length > limits.logNodes) {
    throw new WombatError('WO_INVALID_ARGUMENT', `${nodes.length} nodes are meant; ${limits.logNodes} is the most whose logs are read at once`, { hint: 'name some of the nodes instead of their family' });
  }
  const targets = await Promise.all(nodes.map(async (node) => ({ node, host: await store.read.hosts.get(node.hostId) })));
  return targets.sort((one, other) => naturalOrder(one.node.name, other.node.name) || (one.node.id < other.node.id ? -1 : 1));
}

export function logNode({ node }: LogTarget): LogNode {
  const isGone = node.phase === 'gone';
  return {
    nodeId: node.id,
    nodeName: node.name,
    hostId: node.hostId,
    removedAt: isGone ? new Date(node.phaseSince) : undefined,
    keptUntil: isGone ? new Date(node.phaseSince + limits.removedLogsMs) : undefined,
  };
}

export function logProblem({ node }: LogTarget, error: WombatError, retrying = false): LogProblem {
  return { nodeId: node.id, nodeName: node.name, error: toErrorDetail(error), retrying };
}

/** Why there is nothing to be read from its host, now or ever. */
export function hostProblem({ node, host }: LogTarget, { fleet, clock }: LogTools): WombatError | undefined {
  if (node.phase === 'gone' && clock.now() > node.phaseSince + limits.removedLogsMs) return removedLongAgo(node);
  if (node.hostId === '' || !host) return new WombatError('WO_CHANNEL_GONE', `${node.name} has no host, and no logs yet`, { hint: `see what it waits for: wo node show ${quoted(node.name)}` });
  if (host.phase === 'gone' || host.phase === 'destroying') {
    return new WombatError('WO_CHANNEL_GONE', `${host.name} was destroyed at ${time(host.phaseSince)}, and the logs of ${node.name} with it`, { hint: 'logs are kept on the host of a node' });
  }
  if (fleet.isConnected(host.id)) return undefined;
  const since = host.lastSeenAt === undefined ? 'has not reported yet' : `has not been heard of since ${time(host.lastSeenAt)}`;
  return new WombatError('WO_HOST_UNREACHABLE', `${host.name} ${since}: the logs of ${node.name} cannot be read`, { hint: `see what is known of it: wo host show ${quoted(host.name)}` });
}

/** What the agent says of a node that it has no logs of, in the words of an operator. */
export function goneLogs({ node }: LogTarget): WombatError {
  if (node.phase === 'gone') return removedLongAgo(node);
  return new WombatError('WO_CHANNEL_GONE', `there are no logs of ${node.name} on its host yet`, { hint: `see what it waits for: wo node show ${quoted(node.name)}` });
}

function removedLongAgo(node: Node): WombatError {
  return new WombatError('WO_CHANNEL_GONE', `${node.name} was removed at ${time(node.phaseSince)}; its logs were kept for 24 h at most`);
}

const time = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
