import type { Check, CheckResult } from '../check.js';

export interface ConformanceReport {
  /** As the plugin calls itself; empty when it never came to that. */
  readonly plugin: string;
  readonly results: readonly CheckResult[];
}

/** @throws Error that names the checks there are */
export function chooseChecks<C, G>(checks: readonly Check<C, G>[], only: readonly string[] | undefined): readonly Check<C, G>[] {
  const unknown = only?.find((name) => !checks.some((check) => check.name === name));
  if (unknown !== undefined) throw new Error(`there is no check ${unknown}; there are ${checks.map(({ name }) => name).join(', ')}`);
  return only === undefined ? checks : checks.filter(({ name }) => only.includes(name));
}

/** Runs a check. `given` answers what decides whether it can say something. */
export async function runCheck<C, G>(check: Check<C, G>, context: C, given: () => Promise<G>): Promise<CheckResult> {
  const startedAt = performance.now();
  const result = (state: CheckResult['state'], why: string): CheckResult =>
    ({ name: check.name, promise: check.promise, state, why, tookMs: Math.round(performance.now() - startedAt) });
  try {
    const reason = check.needs?.(await given());
    if (reason !== undefined) return result('skipped', reason);
    return result('passed', (await check.run(context)) ?? '');
  } catch (error) {
    return result('failed', error instanceof Error ? error.message : String(error));
  }
}
