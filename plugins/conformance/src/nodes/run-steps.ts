import type { Member, Step } from '@wombat/plugin-sdk';
import { durationToMs, systemClock } from '@wombat/proto';
import type { Attempt, Nodes } from './nodes.js';

const defaultIntervalMs = 250;
/** A step of a conformance run needs no more. */
const longestStepMs = 20_000;

/**
 * Runs steps as the coordinator does: one after another, each until it succeeds or its time is over.
 *
 * @param after called when a step is done
 * @returns the output of the last one
 * @throws Error that names the step
 */
export async function runSteps(nodes: Nodes, node: Member, steps: readonly Step[], after: (step: Step) => Promise<void> = async () => undefined): Promise<string> {
  let output = '';
  for (const step of steps) {
    output = await runStep(nodes, node, step);
    await after(step);
  }
  return output;
}

async function runStep(nodes: Nodes, node: Member, step: Step): Promise<string> {
  const until = performance.now() + Math.min(durationToMs(step.deadline) ?? 0, longestStepMs);
  for (;;) {
    const attempt = await nodes.run(node, step.action!);
    if (isDone(step, attempt)) return attempt.output;
    const what = `step ${step.name} on ${node.name}: exit code ${attempt.exitCode}: ${attempt.output.trim().slice(-200)}`;
    if (!mayRetry(step, attempt)) throw new Error(what);
    if (performance.now() > until) throw new Error(`not done in its time: ${what}`);
    await systemClock.sleep(durationToMs(step.interval) ?? defaultIntervalMs);
  }
}

function isDone({ until }: Step, { exitCode, output }: Attempt): boolean {
  return exitCode === 0 && (until?.containsAll ?? []).every((part) => output.includes(part));
}

function mayRetry({ until, retryExitCodes }: Step, { exitCode }: Attempt): boolean {
  return until !== undefined || retryExitCodes.includes(exitCode);
}
