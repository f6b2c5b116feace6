import { durationToMs, WombatError, type ErrorCode } from '@wombat/proto';
import { FailureKind, type ProviderFailure } from '@wombat/proto/plugin';

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

/** A failure, as an error. Details: `mayRetry`, `retryAfterMs`, `field`. */
export function errorOfFailure(failure: ProviderFailure): WombatError {
  const retryAfterMs = durationToMs(failure.retryAfter);
  const details = {
    mayRetry: String(failure.mayRetry),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs: String(retryAfterMs) }),
    ...(failure.field === '' ? {} : { field: failure.field }),
  };
  return new WombatError(codeOfFailure(failure.kind), failure.message, { details });
}
