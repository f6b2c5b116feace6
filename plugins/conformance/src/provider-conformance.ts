import type { Check, CheckResult } from './check.js';
import { checks } from './checks/index.js';
import type { ConformanceOptions } from './options.js';
import { Context } from './run/context.js';

export interface ConformanceReport {
  /** As the plugin calls itself; empty when it never came to that. */
  readonly plugin: string;
  readonly results: readonly CheckResult[];
}

/**
 * Starts a provider's plugin as the coordinator does, and sees whether it keeps its promises. Machines are made, and destroyed again.
 *
 * @throws Error when the options name no plugin, or a check that is not there
 */
export async function providerConformance(options: ConformanceOptions): Promise<ConformanceReport> {
  const chosen = choose(options.only);
  const context = await Context.open(options);
  const results: CheckResult[] = [];
  let plugin = '';
  try {
    for (const check of chosen) {
      if (options.signal?.aborted) break;
      results.push(await runCheck(check, context));
      plugin ||= await nameOf(context);
    }
  } finally {
    const left = await context.close();
    if (left.length > 0) results.push({ ...cleanUp, state: 'failed', why: left.join('; '), tookMs: 0 });
  }
  return { plugin, results };
}

const cleanUp = { name: 'clean-up', promise: 'what the checks have made can be destroyed' };

function choose(only: readonly string[] | undefined): readonly Check[] {
  const unknown = only?.find((name) => !checks.some((check) => check.name === name));
  if (unknown !== undefined) throw new Error(`there is no check ${unknown}; there are ${checks.map(({ name }) => name).join(', ')}`);
  return only === undefined ? checks : checks.filter(({ name }) => only.includes(name));
}

async function runCheck(check: Check, context: Context): Promise<CheckResult> {
  const startedAt = performance.now();
  const result = (state: CheckResult['state'], why: string): CheckResult =>
    ({ name: check.name, promise: check.promise, state, why, tookMs: Math.round(performance.now() - startedAt) });
  try {
    const reason = check.needs && await needed(check, context);
    if (reason !== undefined) return result('skipped', reason);
    return result('passed', (await check.run(context)) ?? '');
  } catch (error) {
    return result('failed', error instanceof Error ? error.message : String(error));
  }
}

async function needed({ needs }: Check, context: Context): Promise<string | undefined> {
  const { abilities } = await context.describe();
  if (!abilities) throw new Error('DescribeProvider answers without abilities');
  const { secrets } = await context.settingSchemas();
  return needs?.({ abilities, secrets, options: context.options });
}

async function nameOf(context: Context): Promise<string> {
  return await context.describe().then(({ description }) => description?.name ?? '', () => '');
}
