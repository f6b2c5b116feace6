import type { Check } from '../check.js';
import type { StrategyContext, StrategyGiven } from '../run/strategy-context.js';

/** A promise of a bootstrap strategy. */
export type StrategyCheck = Check<StrategyContext, StrategyGiven>;

/** Of checks that run steps on nodes. */
export function needsCluster({ noCluster }: StrategyGiven): string | undefined {
  return noCluster;
}
