import { WombatError, backoffMs, type ErrorCode } from '@wombat/proto';

/** What passes by itself, without anybody changing what is wanted. */
const passing: ReadonlySet<ErrorCode> = new Set([
  'WO_HOST_UNREACHABLE', 'WO_COORDINATOR_UNREACHABLE', 'WO_UNAVAILABLE', 'WO_RATE_LIMITED', 'WO_DEADLINE_EXCEEDED', 'WO_DISK_FULL', 'WO_CANCELLED',
]);

/** What may pass by itself, as the port of a process that is about to end; who waits for longer waits for nothing. */
const passingSoon: ReadonlySet<ErrorCode> = new Set(['WO_PORT_IN_USE', 'WO_MEMORY_SHORT']);
export const passingSoonMs = 10_000;

export function mayPassSoon(error: WombatError): boolean {
  return passingSoon.has(error.code);
}

export function isPassing(error: WombatError): boolean {
  return passing.has(error.code);
}

export function retryDelayMs(attempt: number): number {
  return backoffMs(attempt, { initialMs: 500, maximumMs: 30_000 });
}

/** Gives errors of the system their place in the catalogue. */
export function toNodeError(caught: unknown): WombatError {
  if (WombatError.is(caught)) return caught;
  const { code, message } = caught as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') return new WombatError('WO_DISK_FULL', 'no space left on the host', { cause: caught });
  if (code === 'EMFILE' || code === 'EAGAIN' || code === 'ENOMEM') return new WombatError('WO_UNAVAILABLE', `the host is short of resources: ${message}`, { cause: caught });
  return new WombatError('WO_NODE_START_FAILED', message, { cause: caught });
}
