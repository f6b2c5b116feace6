import { NodePhase as AgentPhase, type NodeStatus } from '@wombat/proto/agent';
import type { Host } from '../domain/model/host.js';
import type { Node } from '../domain/model/node.js';
import type { Transaction } from '../store/store.js';
import type { BoundedHistory } from './bounded-history.js';
import { nodeEvent } from './events.js';

/*
 * A store that was set up from a backup is older than what its agents have journaled. They take only what is newer than
 * that, so the store has to get ahead of them; and what runs of which it knows nothing is told, never touched.
 */

/** Beyond what any coordinator counts to: an invented number must not use up all that are left. */
const highestGeneration = 2n ** 40n;
const unknownNodesKept = 100;

/** Whether the agent has been told more of the node than this store remembers. */
export function isBehind(node: Node, { generation, restartGeneration }: NodeStatus): boolean {
  if (generation > highestGeneration || restartGeneration > highestGeneration) return false;
  return generation > BigInt(node.generation) || restartGeneration > BigInt(node.restartGeneration);
}

/** What the store wants of the node becomes newer than what the agent has, and is sent again. */
export async function getAhead(transaction: Transaction, history: BoundedHistory, node: Node, status: NodeStatus): Promise<void> {
  const { restartGeneration } = node;
  // A restart that was asked for meanwhile is still wanted: the agent would not see it in a number that it has.
  const wanted = node.phase === 'stopping' && node.desired === 'running' ? 1 : 0;
  const ahead = await transaction.nodes.update({
    ...node,
    generation: Math.max(node.generation, Number(status.generation)) + 1,
    restartGeneration: status.restartGeneration > BigInt(restartGeneration) ? Number(status.restartGeneration) + wanted : restartGeneration,
  });
  await history.append(
    transaction,
    nodeEvent(ahead, 'node.behind', 'behind', `the agent knows newer wishes for ${node.name} than this store, which was set up from a backup; what the store wants is sent again`),
  );
}

/** A node that this store has no row of: made after the backup. It keeps running, and its host is kept. */
export async function rememberUnknown(transaction: Transaction, history: BoundedHistory, hostId: string, statuses: readonly NodeStatus[]): Promise<void> {
  const present = statuses.filter(({ phase }) => phase !== AgentPhase.ABSENT && phase !== AgentPhase.UNSPECIFIED).map(({ nodeId }) => nodeId);
  if (present.length === 0) return;
  const host = await transaction.hosts.get(hostId);
  if (!host) return;
  const known = host.unknownNodeIds ?? [];
  const added = present.filter((nodeId) => !known.includes(nodeId)).slice(0, unknownNodesKept - known.length);
  if (added.length === 0) return;
  await transaction.hosts.update({ ...host, unknownNodeIds: [...known, ...added] });
  for (const nodeId of added) {
    await history.append(transaction, {
      type: 'host.unknown-node', subjectId: hostId, subjectName: host.name, hostId, reason: 'unknown-node', payload: { nodeId },
      message: `${host.name} runs the node ${nodeId}, which this coordinator knows nothing of; it is left alone, and the host is kept`,
    });
  }
}

/** Those that an agent no longer has; `complete` statuses name all that it has. */
export async function forgetUnknown(transaction: Transaction, hostId: string, statuses: readonly NodeStatus[], complete: boolean): Promise<void> {
  const host = await transaction.hosts.get(hostId);
  if (!host?.unknownNodeIds?.length) return;
  const absent = new Set(statuses.filter(({ phase }) => phase === AgentPhase.ABSENT).map(({ nodeId }) => nodeId));
  const named = new Set(statuses.map(({ nodeId }) => nodeId));
  const left = host.unknownNodeIds.filter((nodeId) => !absent.has(nodeId) && (!complete || named.has(nodeId)));
  if (left.length < host.unknownNodeIds.length) await transaction.hosts.update({ ...host, unknownNodeIds: left } satisfies Host);
}
