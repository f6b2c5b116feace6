import { durationToMs } from '@wombat/proto';
import { RestartMode, type ExitStatus, type RestartPolicy } from '@wombat/proto/agent';
import { isSuccess } from '../processes/exit-status.js';

const defaults = { tries: 5, intervalMs: 5 * 60_000, delayMs: 1_000 } as const;
/** Before any restart. */
export const maximumDelayMs = 30_000;

export type RestartDecision =
  | { readonly kind: 'restart'; readonly delayMs: number; readonly failures: readonly number[] }
  | { readonly kind: 'give-up'; readonly failures: readonly number[]; readonly reason: string }
  /** It ended in good order, and the policy lets it. */
  | { readonly kind: 'done' };

/**
 * What becomes of a node that was ready and has ended, or that could not be started again. Ends older than the interval are not
 * counted, so a node that has run for that long begins anew; so does one that something else is wanted of.
 */
export function decideRestart(
  policy: RestartPolicy | undefined,
  exit: ExitStatus | undefined,
  earlierFailures: readonly number[],
  nowMs: number,
): RestartDecision {
  const mode = policy?.mode ?? RestartMode.ALWAYS;
  const endedWell = exit !== undefined && isSuccess(exit);
  if (endedWell && (mode === RestartMode.ON_FAILURE || mode === RestartMode.NEVER)) return { kind: 'done' };
  const intervalMs = durationToMs(policy?.interval) ?? defaults.intervalMs;
  const failures = [...earlierFailures.filter((at) => at > nowMs - intervalMs), nowMs];
  const tries = policy?.tries ?? defaults.tries;
  if (mode === RestartMode.NEVER) return { kind: 'give-up', failures, reason: 'its family never has it started again' };
  if (failures.length > tries) return { kind: 'give-up', failures, reason: `that was number ${failures.length} within ${intervalMs / 1_000} s, and ${tries} are allowed` };
  const firstDelayMs = durationToMs(policy?.delay) ?? defaults.delayMs;
  return { kind: 'restart', delayMs: Math.min(maximumDelayMs, firstDelayMs * 2 ** (failures.length - 1)), failures };
}
