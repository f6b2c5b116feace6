import type { ConformanceOptions } from './options.js';
import { providerConformance } from './provider-conformance.js';
import type { ConformanceReport } from './run/run-checks.js';
import { strategyConformance } from './strategy-conformance.js';
import type { StrategyConformanceOptions } from './strategy-options.js';
import { formatTable } from './table.js';

/** The part of a test of tap that is needed; others have it too. */
export interface Test {
  pass(name: string): unknown;
  fail(name: string): unknown;
  comment(text: string): unknown;
}

/** Tests run beside others: what takes longer only because of that is no fault of the plugin. */
const slack = 5;

/** For a plugin's own tests: an assertion for each check that says something about it, and the table as a comment. */
export async function conforms(t: Test, options: ConformanceOptions): Promise<ConformanceReport> {
  return tell(t, await providerConformance({ slack, ...options }));
}

/** The same for a bootstrap strategy. */
export async function strategyConforms(t: Test, options: StrategyConformanceOptions): Promise<ConformanceReport> {
  return tell(t, await strategyConformance({ slack, ...options }));
}

function tell(t: Test, report: ConformanceReport): ConformanceReport {
  for (const { name, promise, state, why } of report.results) {
    if (state === 'passed') t.pass(`${name}: ${promise}`);
    if (state === 'failed') t.fail(`${name}: ${promise}: ${why}`);
  }
  t.comment(formatTable(report).replace(/^/gm, 'conformance: '));
  return report;
}
