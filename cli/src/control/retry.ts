import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs, WombatError } from '@wombat/proto';
import type { Mutation } from '@wombat/proto/control';

const tries = 4;
const longestWaitMs = 5_000;

/**
 * Asks again where that is safe: what was refused for its rate did nothing, and a mutation with a
 * request id has one effect however often it is sent.
 */
export async function retrying<T>(request: unknown, ask: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      const waitMs = attempt + 1 < tries ? waitMsFor(error, request, attempt) : undefined;
      if (waitMs === undefined || signal?.aborted) throw error;
      await sleep(waitMs, undefined, signal ? { signal } : {}).catch(() => Promise.reject(error));
    }
  }
}

function waitMsFor(error: unknown, request: unknown, attempt: number): number | undefined {
  if (!WombatError.is(error)) return undefined;
  if (error.code === 'WO_RATE_LIMITED') {
    const waitMs = Number(error.details['retryAfterMs']);
    return waitMs >= 0 && waitMs <= longestWaitMs ? waitMs : undefined;
  }
  const mayPass = error.code === 'WO_UNAVAILABLE' || error.code === 'WO_COORDINATOR_UNREACHABLE';
  const isSafe = Boolean((request as { mutation?: Mutation } | undefined)?.mutation?.requestId);
  return mayPass && isSafe ? backoffMs(attempt, { initialMs: 200, maximumMs: 1_000 }) : undefined;
}
