import type { HostPool } from './host-pool.js';

/**
 * How many of `amount` nodes each pool takes. Lower priority numbers are filled first; pools of
 * one priority are kept in the proportion of their weights, nodes that are there counted.
 */
export function sharesOf(amount: number, pools: readonly HostPool[]): number[] {
  const shares = pools.map(() => 0);
  const priorities = [...new Set(pools.map((pool) => pool.domain.priority))].sort((a, b) => a - b);
  let left = amount;
  for (const priority of priorities) {
    while (left > 0) {
      const next = neediest(pools, shares, priority);
      if (next === undefined) break;
      shares[next]! += 1;
      left -= 1;
    }
  }
  return shares;
}

/** The pool with room that would be furthest below its share. */
function neediest(pools: readonly HostPool[], shares: readonly number[], priority: number): number | undefined {
  let best: number | undefined;
  let bestRatio = Infinity;
  for (let index = 0; index < pools.length; index += 1) {
    const pool = pools[index]!;
    const share = shares[index]!;
    if (pool.domain.priority !== priority || share >= pool.capacity) continue;
    const ratio = (pool.placed + share + 1) / pool.domain.weight;
    if (ratio < bestRatio) [best, bestRatio] = [index, ratio];
  }
  return best;
}
