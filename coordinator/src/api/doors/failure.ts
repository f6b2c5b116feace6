import { randomBytes } from 'node:crypto';
import { WombatError } from '@wombat/proto';
import type { Logger } from 'pino';

/**
 * What the caller is told of an error. What was not foreseen goes to the log whole, under a
 * reference; the caller gets the reference alone.
 */
export function told(error: unknown, path: string, log: Logger): WombatError {
  if (WombatError.is(error) && error.code !== 'WO_INTERNAL') return error;
  const reference = randomBytes(6).toString('hex');
  log.error({ err: error, path, reference }, 'a call failed unexpectedly');
  return new WombatError('WO_INTERNAL', `the coordinator failed to answer; its log says more under ${reference}`, { details: { reference } });
}
