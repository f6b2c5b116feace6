import { durationToMs } from '@wombat/proto';
import type { ExitStatus } from '@wombat/proto/agent';
import { stopProcess, type StopStep } from '../processes/stop-process.js';
import type { Supervised } from '../processes/supervised.js';
import { runNodeAction } from './node-action.js';
import { erlCallOf, type NodeContext } from './node-context.js';
import type { NodeServices } from './node-services.js';

const defaults = { stopTimeoutMs: 30_000, termTimeoutMs: 10_000 } as const;

const reasons: Readonly<Record<Exclude<StopStep, 'none'>, string>> = {
  action: 'for the node to end after its stop command',
  term: 'for the node to end after TERM',
  kill: 'for the node to end after KILL',
};

/** Stops a node in good order if it can be had, and tells which step was needed. */
export function stopNode(
  running: Supervised,
  context: NodeContext | undefined,
  { clock }: NodeServices,
  signal: AbortSignal,
  explain: (reason: string) => void,
): Promise<{ step: StopStep; exit: ExitStatus }> {
  const run = context?.spec.run;
  const stopTimeoutMs = durationToMs(run?.stopTimeout) ?? defaults.stopTimeoutMs;
  return stopProcess(running, {
    action: context && stopAction(context, stopTimeoutMs),
    stopTimeoutMs,
    termTimeoutMs: durationToMs(run?.termTimeout) ?? defaults.termTimeoutMs,
    clock,
    signal,
    onStep: (step) => explain(reasons[step]),
  });
}

function stopAction(context: NodeContext, timeoutMs: number): ((signal: AbortSignal) => Promise<void>) | undefined {
  const action = context.spec.run?.stop;
  if (action?.kind) {
    return async (signal) => {
      const { succeeded, output } = await runNodeAction(action, context, timeoutMs, signal);
      if (!succeeded) throw new Error(output);
    };
  }
  // init:stop ends a virtual machine in better order than TERM, which not every release handles.
  if (context.spec.erlang) return async (signal) => erlCallOf(context).stop(timeoutMs, signal);
  return undefined;
}
