import { createHash } from 'node:crypto';
import type { Sample } from '../model/job.js';
import { amountOf } from './share.js';

/**
 * Some of the targets, in their order. The same seed chooses the same; a target that comes or goes takes the place of
 * one at most.
 */
export function sampleTargets<T extends { readonly targetId: string }>(targets: readonly T[], { share, seed }: Sample): readonly T[] {
  const places = targets.map((target) => ({ target, place: createHash('sha256').update(`${seed} ${target.targetId}`).digest('hex') }));
  const first = places.sort((left, right) => (left.place < right.place ? -1 : 1)).slice(0, amountOf(share, targets.length));
  const chosen = new Set(first.map(({ target }) => target));
  return targets.filter((target) => chosen.has(target));
}
