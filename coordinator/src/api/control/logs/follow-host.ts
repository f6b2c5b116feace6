import { WombatError } from '@wombat/proto';
import type { ReadNodeLogsResponse } from '@wombat/proto/control';
import { openLogs, type LogQuery, type Positions } from './log-channel.js';
import { answersTo } from './log-answers.js';
import { hostProblem, logProblem, type LogTarget, type LogTools } from './log-target.js';

const reconnectPollMs = 500;
const retryMs = 1_000;

/** Follows nodes of one host for ever: a host that goes away is waited for, and read on where it stopped. */
export async function* followHost(tools: LogTools, targets: readonly LogTarget[], query: LogQuery, positions: Positions, signal: AbortSignal): AsyncGenerator<ReadNodeLogsResponse> {
  let left = [...targets];
  let isTold = false;
  while (left.length > 0 && !signal.aborted) {
    left = await renewed(tools, left);
    const problem = hostProblem(left[0]!, tools);
    if (!problem) {
      try {
        for await (const message of openLogs(tools, left, query, positions, signal)) {
          isTold = false;
          if (message.log.ended || message.log.error) left = left.filter((target) => target.node.id !== message.log.nodeId);
          yield* answersTo(message);
        }
        if (left.length === 0) return;
      } catch (error) {
        signal.throwIfAborted();
        if (!mayPass(error)) return yield* left.map((target) => told(target, WombatError.from(error), false));
      }
    } else if (problem.code === 'WO_CHANNEL_GONE' && left.every(({ host }) => host?.phase === 'gone')) {
      return yield* left.map((target) => told(target, hostProblem(target, tools) ?? problem, false));
    } else if (!isTold && problem.code === 'WO_HOST_UNREACHABLE') {
      isTold = true;
      yield* left.map((target) => told(target, hostProblem(target, tools) ?? problem, true));
    }
    await tools.clock.sleep(problem ? reconnectPollMs : retryMs, signal);
  }
}

function told(target: LogTarget, error: WombatError, retrying: boolean): ReadNodeLogsResponse {
  return { kind: { $case: 'problem', value: logProblem(target, error, retrying) } };
}

function mayPass(error: unknown): boolean {
  return WombatError.is(error) && (error.code === 'WO_HOST_UNREACHABLE' || error.code === 'WO_UNAVAILABLE');
}

/** As they are now: a node may have been removed, its host destroyed. */
async function renewed({ store }: LogTools, targets: readonly LogTarget[]): Promise<LogTarget[]> {
  return Promise.all(targets.map(async ({ node, host }) => ({
    node: (await store.read.nodes.get(node.id)) ?? node,
    host: (await store.read.hosts.get(node.hostId)) ?? host,
  })));
}
