import { fromErrorDetail, WombatError } from '@wombat/proto';
import { LogsOfNode, type ChannelData, type LogOf, type ReadLogs } from '@wombat/proto/agent';
import { cleanError, cleanText } from '../../../fleet/sanitize.js';
import type { LogTarget, LogTools } from './log-target.js';

/** What an agent says of one of the nodes that it was asked for; texts are cleaned. */
export interface LogMessage {
  readonly target: LogTarget;
  readonly log: LogOf;
  readonly chunk: ChannelData;
}

export type LogQuery = Omit<ReadLogs, 'nodes'>;
/** Node id -> log -> offset. */
export type Positions = Map<string, Map<string, bigint>>;

/** Of a frame of a session, with room for what is around it. */
const frameBytes = 48 * 1024;
const longestLogName = 255;
/** What a node may have; a host that names more is not followed further. */
const maximumLogs = 256;

/** Logs of nodes of one host, over one channel. @throws WombatError of the channel */
export async function* openLogs(tools: LogTools, targets: readonly LogTarget[], query: LogQuery, positions: Positions, signal: AbortSignal): AsyncGenerator<LogMessage> {
  const hostId = targets[0]!.node.hostId;
  const nodes = targets.map(({ node }) => logsOfNode(node.id, positions));
  const asked = new Map(targets.map((target) => [target.node.id, target]));
  const channel = tools.fleet.openChannel(hostId, { $case: 'readLogs', value: { ...query, nodes } }, signal);
  for await (const chunk of channel) {
    const target = chunk.log && asked.get(chunk.log.nodeId);
    if (!chunk.log || !target) throw new WombatError('WO_INTERNAL', `${hostId} sent logs that nobody asked it for`);
    const log = { ...chunk.log, log: cleanText(chunk.log.log, longestLogName), error: chunk.log.error && cleanError(chunk.log.error) };
    if (log.log !== '' && !query.listOnly) remember(positions, log);
    yield { target, log, chunk };
  }
}

/** Targets of one host in parts of which each fits into a frame. */
export function inFrames(targets: readonly LogTarget[], positions: Positions): LogTarget[][] {
  const parts: LogTarget[][] = [];
  let sizeBytes = Infinity;
  for (const target of targets) {
    const bytes = LogsOfNode.encode(logsOfNode(target.node.id, positions)).finish().length;
    if (sizeBytes + bytes > frameBytes) {
      parts.push([]);
      sizeBytes = 0;
    }
    parts.at(-1)!.push(target);
    sizeBytes += bytes + 8;
  }
  return parts;
}

export function agentError({ error }: LogOf): WombatError | undefined {
  return error && fromErrorDetail(error);
}

function logsOfNode(nodeId: string, positions: Positions): LogsOfNode {
  return { nodeId, positions: [...(positions.get(nodeId) ?? [])].map(([log, offset]) => ({ log, offset })) };
}

function remember(positions: Positions, { nodeId, log, nextOffset }: LogOf): void {
  const ofNode = positions.get(nodeId) ?? new Map<string, bigint>();
  positions.set(nodeId, ofNode);
  if (ofNode.has(log) || ofNode.size < maximumLogs) ofNode.set(log, nextOffset);
}
