import { WombatError } from '@wombat/proto';
import type { ListNodeLogsRequest, ListNodeLogsResponse, LogProblem, NodeLog, OmittedLogs } from '@wombat/proto/control';
import { inOrder } from './in-order.js';
import { agentError, openLogs, type LogMessage, type LogQuery } from './log-channel.js';
import { omittedLogs } from './log-answers.js';
import { goneLogs, hostProblem, logNode, logProblem, logTargets, type LogTarget, type LogTools } from './log-target.js';

const query: LogQuery = { selection: undefined, start: undefined, filter: undefined, follow: false, listOnly: true };
const nodesAhead = 8;

type Found = NodeLog | LogProblem | OmittedLogs;

/** @throws WombatError WO_NOT_FOUND, WO_AMBIGUOUS, WO_INVALID_ARGUMENT */
export async function listNodeLogs(tools: LogTools, request: ListNodeLogsRequest, signal: AbortSignal): Promise<ListNodeLogsResponse> {
  const targets = await logTargets(tools, request.nodes);
  const answer: ListNodeLogsResponse = { logs: [], nodes: targets.map(logNode), problems: [], omitted: [] };
  for await (const found of inOrder(targets.map((target) => () => listOf(tools, target, signal)), nodesAhead)) {
    if ('log' in found) answer.logs.push(found);
    else if ('files' in found) answer.omitted.push(found);
    else answer.problems.push(found);
  }
  return answer;
}

async function* listOf(tools: LogTools, target: LogTarget, signal: AbortSignal): AsyncGenerator<Found> {
  const problem = hostProblem(target, tools);
  if (problem) return yield logProblem(target, problem);
  try {
    for await (const message of openLogs(tools, [target], query, new Map(), signal)) yield found(message);
  } catch (error) {
    signal.throwIfAborted();
    yield logProblem(target, hostProblem(target, tools) ?? WombatError.from(error));
  }
}

function found({ target, log, chunk }: LogMessage): Found {
  const error = agentError(log);
  if (error) return logProblem(target, error.code === 'WO_CHANNEL_GONE' ? goneLogs(target) : error);
  if (log.omittedFiles > 0) return omittedLogs({ target, log });
  return { nodeId: target.node.id, nodeName: target.node.name, log: log.log, oldestOffset: chunk.offset, endOffset: log.nextOffset, modifiedAt: log.modifiedAt };
}
