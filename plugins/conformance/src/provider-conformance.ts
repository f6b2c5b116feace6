import type { CheckResult, Given } from './check.js';
import { checks } from './checks/index.js';
import type { ConformanceOptions } from './options.js';
import { Context } from './run/context.js';
import { chooseChecks, runCheck, type ConformanceReport } from './run/run-checks.js';

/**
 * Starts a provider's plugin as the coordinator does, and sees whether it keeps its promises. Machines are made, and destroyed again.
 *
 * @throws Error when the options name no plugin, or a check that is not there
 */
export async function providerConformance(options: ConformanceOptions): Promise<ConformanceReport> {
  const chosen = chooseChecks(checks, options.only);
  const context = await Context.open(options);
  const results: CheckResult[] = [];
  let plugin = '';
  try {
    for (const check of chosen) {
      if (options.signal?.aborted) break;
      results.push(await runCheck(check, context, () => givenOf(context)));
      plugin ||= await nameOf(context);
    }
  } finally {
    const left = await context.close();
    if (left.length > 0) results.push({ ...cleanUp, state: 'failed', why: left.join('; '), tookMs: 0 });
  }
  return { plugin, results };
}

const cleanUp = { name: 'clean-up', promise: 'what the checks have made can be destroyed' };

async function givenOf(context: Context): Promise<Given> {
  const { abilities } = await context.describe();
  if (!abilities) throw new Error('DescribeProvider answers without abilities');
  const { secrets } = await context.settingSchemas();
  return { abilities, secrets, options: context.options };
}

async function nameOf(context: Context): Promise<string> {
  return await context.describe().then(({ description }) => description?.name ?? '', () => '');
}
