import { durationToMs, FailureKind, ProviderError, type ProviderFailure } from '@wombat/plugin-sdk';
import { WombatError, type ErrorCode } from '@wombat/proto';
import { ProviderFailure as ProviderFailureCodec } from '@wombat/proto/plugin';
import { oneLine } from './one-line.js';

const codes: ReadonlyMap<FailureKind, ErrorCode> = new Map<FailureKind, ErrorCode>([
  [FailureKind.AUTH, 'WO_PROVIDER_AUTH'],
  [FailureKind.QUOTA, 'WO_PROVIDER_QUOTA'],
  [FailureKind.CAPACITY, 'WO_PROVIDER_CAPACITY'],
  [FailureKind.THROTTLED, 'WO_PROVIDER_THROTTLED'],
  [FailureKind.INVALID, 'WO_PROVIDER_INVALID'],
  [FailureKind.NOT_FOUND, 'WO_NOT_FOUND'],
]);

/** The code of the catalogue for a kind of failure; what nobody knows counts as unavailable. */
export function codeOfFailure(kind: FailureKind): ErrorCode {
  return codes.get(kind) ?? 'WO_PROVIDER_UNAVAILABLE';
}

/** A failure, as ProviderHost answers it, as an error. Details: `mayRetry`, `retryAfterMs`, `field`. */
export function errorOfFailure(failure: ProviderFailure): WombatError {
  const retryAfterMs = durationToMs(failure.retryAfter);
  const details = {
    mayRetry: String(failure.mayRetry),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs: String(retryAfterMs) }),
    ...(failure.field === '' ? {} : { field: failure.field }),
  };
  return new WombatError(codeOfFailure(failure.kind), failure.message, { details });
}

/** What a driver threw, as a failure. */
export function failureOf(thrown: unknown): ProviderFailure {
  return ProviderError.from(thrown).toFailure();
}

/**
 * Makes a driver's failure fit to be shown and stored.
 *
 * @throws when it is no failure at all
 */
export function cleanFailure(failure: ProviderFailure, toMessage: (text: string) => string): ProviderFailure {
  const read = ProviderFailureCodec.decode(ProviderFailureCodec.encode(failure).finish());
  return { ...read, message: toMessage(read.message || 'failed without saying why'), field: oneLine(read.field, 128) };
}
