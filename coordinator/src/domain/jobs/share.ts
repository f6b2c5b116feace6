import type { Share } from '../model/job.js';

/** How many of a number that is: at least one, and no more than there are. */
export function amountOf(share: Share, of: number): number {
  const wanted = 'number' in share ? share.number : Math.ceil((of * share.percent) / 100);
  return Math.min(of, Math.max(1, wanted));
}
