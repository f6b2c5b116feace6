import type { Job } from '../model/job.js';

/** Its first targets have ended, and it waits for somebody to let it go on. */
export function isPaused({ state, pausedAt, resumedAt, stopped }: Job): boolean {
  return state === 'running' && pausedAt !== undefined && resumedAt === undefined && !stopped;
}
