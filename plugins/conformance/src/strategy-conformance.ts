import type { CheckResult } from './check.js';
import { chooseChecks, runCheck, type ConformanceReport } from './run/run-checks.js';
import { StrategyContext } from './run/strategy-context.js';
import { strategyChecks } from './strategy-checks/index.js';
import type { StrategyConformanceOptions } from './strategy-options.js';

/**
 * Starts a bootstrap strategy's plugin as the coordinator does, and sees whether it keeps its promises. Its steps are run on nodes where there are some.
 *
 * @throws Error when the options name no plugin, or a check that is not there
 */
export async function strategyConformance(options: StrategyConformanceOptions): Promise<ConformanceReport> {
  const chosen = chooseChecks(strategyChecks, options.only);
  const context = await StrategyContext.open(options);
  const results: CheckResult[] = [];
  let plugin = '';
  try {
    for (const check of chosen) {
      if (options.signal?.aborted) break;
      results.push(await runCheck(check, context, () => context.given()));
      plugin ||= await context.describe().then(({ description }) => description?.name ?? '', () => '');
    }
  } finally {
    await context.close();
  }
  return { plugin, results };
}
