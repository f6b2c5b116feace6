import { status, type ServiceError } from '@grpc/grpc-js';
import { setTimeout as sleep } from 'node:timers/promises';

/** Codes of a call whose other end may have died, before or after it did what it was asked. */
const passing: readonly status[] = [status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED, status.INTERNAL];

/** Asks until there is an answer, as clients do; a change must have a request id. @throws whatever the coordinator refuses */
export async function insist<T>(ask: () => Promise<T>, withinMs = 60_000): Promise<T> {
  const end = performance.now() + withinMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!passing.includes((error as ServiceError).code) || performance.now() > end) throw error;
      await sleep(25);
    }
  }
}
