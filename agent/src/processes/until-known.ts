import type { Clock } from '@wombat/proto';
import type { Supervised } from './supervised.js';

const firstPauseMs = 2;
const longestPauseMs = 50;

/**
 * Waits until the shim has recorded its child, or the process ended, or the time is over. Before
 * that the shim may not be ready for signals: it would die, or swallow them.
 * @throws the signal's reason
 */
export async function untilKnown(running: Supervised, timeoutMs: number, clock: Clock, signal?: AbortSignal): Promise<void> {
  const deadlineMs = clock.monotonic() + timeoutMs;
  for (let pauseMs = firstPauseMs; !running.child && !running.exit && clock.monotonic() < deadlineMs; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    await clock.sleep(pauseMs, signal);
  }
}
