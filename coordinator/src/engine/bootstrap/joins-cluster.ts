import type { Family } from '../../domain/model/family.js';
import type { StrategyDirectory } from '../ports.js';

/** A strategy that never plans a step for a join has nothing to wait for. */
export function joinsCluster(strategies: StrategyDirectory, family: Family): boolean {
  return strategies.strategy(family.spec.bootstrap.strategy).description?.name !== 'none';
}
