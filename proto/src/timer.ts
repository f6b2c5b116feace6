import { orAborted } from './abort.js';
import type { Clock } from './clock.js';
import { WombatError } from './errors/wombat-error.js';

/** Calls `work` once when `ms` have passed on the clock; what is answered takes that back. */
export function startTimer(clock: Clock, ms: number, work: () => void): () => void {
  const taken = new AbortController();
  clock.sleep(ms, taken.signal).then(
    () => {
      if (!taken.signal.aborted) work();
    },
    () => undefined,
  );
  return () => taken.abort();
}

/**
 * Runs `work` with a signal that fires with the parent's reason, or with WO_DEADLINE_EXCEEDED when `ms` have passed
 * on the clock; rejects as soon as it fires, whatever `work` makes of it. No timer is left behind.
 */
export async function withinTime<T>(clock: Clock, ms: number, what: string, parent: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController();
  const stopTimer = startTimer(clock, ms, () => late.abort(new WombatError('WO_DEADLINE_EXCEEDED', `${what} took longer than ${ms} ms`)));
  const signal = AbortSignal.any([late.signal, parent]);
  try {
    signal.throwIfAborted();
    return await orAborted(work(signal), signal);
  } finally {
    stopTimer();
  }
}
