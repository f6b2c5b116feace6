import type { JobLimits } from '../model/job.js';
import { amountOf } from './share.js';

/** The limits of a job in targets; what is not limited is Infinity. */
export interface Bounds {
  readonly window: number;
  readonly batch: number;
  readonly batchWaitMs: number;
  readonly maxFailures: number;
  /** 0: it does not pause. */
  readonly first: number;
  readonly per: readonly { readonly label: string; readonly number: number }[];
}

export function boundsOf({ window, batch, maxFailures, first, per = [] }: JobLimits, targetCount: number): Bounds {
  return {
    window: window ? amountOf(window, targetCount) : Infinity,
    batch: batch ? amountOf(batch.share, targetCount) : Infinity,
    batchWaitMs: batch?.waitMs ?? 0,
    maxFailures: maxFailures ? amountOf(maxFailures, targetCount) : Infinity,
    first: first ? amountOf(first, targetCount) : 0,
    per,
  };
}
