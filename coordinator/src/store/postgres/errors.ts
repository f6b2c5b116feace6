import { WombatError } from '@wombat/proto';
import pg from 'pg';

/** Connection exceptions, shutting down or starting, no connection left, and a server that has become a read-only copy. */
const awayStates = /^(?:08...|57P0[1-5]|53300|25006)$/;
const diskFull = '53100';
/** No memory, or a limit of the server's own: the connection stays as it is. */
const shortOfStates = /^53[0-9A-Z]{3}$/;

/** The connection is of no use any more, or there was none: nothing is wrong with the statement. */
export function isAway(error: unknown): boolean {
  // What is no answer of the server comes from the connection.
  return error instanceof pg.DatabaseError ? awayStates.test(error.code ?? '') : !WombatError.is(error);
}

/** What callers of the store are told. A statement that the server refuses keeps its own error. */
export function asStoreError(error: unknown): unknown {
  if (isAway(error)) return unavailable(error);
  if (!(error instanceof pg.DatabaseError)) return error;
  if (error.code === diskFull) return new WombatError('WO_STORE_FULL', 'the disk of PostgreSQL is full', { cause: error });
  return shortOfStates.test(error.code ?? '') ? unavailable(error) : error;
}

export function unavailable(error: unknown): WombatError {
  return new WombatError('WO_STORE_UNAVAILABLE', `PostgreSQL cannot be used: ${reasonOf(error)}`, { cause: error });
}

/** In one line. */
export function reasonOf(error: unknown): string {
  // Of a host with several addresses none could be reached.
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const text = first instanceof Error ? first.message : String(first);
  return text.split('\n')[0]!.slice(0, 300);
}
