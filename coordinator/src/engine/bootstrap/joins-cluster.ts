import { JoinOrder } from '@wombat/plugin-sdk';
import type { Family } from '../../domain/model/family.js';
import type { StrategyDirectory } from '../ports.js';

/** Whether the nodes of a family have anything to do between being ready and running. */
export function joinsCluster(strategies: StrategyDirectory, family: Family): boolean {
  return strategies.strategy(family.spec.bootstrap.strategy).joinOrder !== JoinOrder.NONE;
}
