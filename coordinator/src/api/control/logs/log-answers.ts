import type { OmittedLogs, ReadNodeLogsResponse } from '@wombat/proto/control';
import { agentError, type LogMessage } from './log-channel.js';
import { goneLogs, logProblem } from './log-target.js';

/** What the caller is told of a message of an agent. */
export function answersTo({ target, log, chunk }: LogMessage): ReadNodeLogsResponse[] {
  const error = agentError(log);
  if (error) return [{ kind: { $case: 'problem', value: logProblem(target, error.code === 'WO_CHANNEL_GONE' ? goneLogs(target) : error) } }];
  if (log.omittedFiles > 0) return [{ kind: { $case: 'omitted', value: omittedLogs({ target, log }) } }];
  if (log.ended) return [{ kind: { $case: 'endedNodeId', value: target.node.id } }];
  const { nodeId, nextOffset, torn } = log;
  const { offset, lostBytes } = chunk;
  return [{ kind: { $case: 'piece', value: { nodeId, log: log.log, offset, data: Buffer.from(chunk.data), nextOffset, lostBytes, torn } } }];
}

export function omittedLogs({ target, log }: Pick<LogMessage, 'target' | 'log'>): OmittedLogs {
  return { nodeId: target.node.id, nodeName: target.node.name, files: log.omittedFiles };
}
