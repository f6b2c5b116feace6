import { durationToMs, WombatError, type ErrorCode } from '@wombat/proto';
import { FailureKind, type ProviderFailure } from '@wombat/proto/plugin';

const codes: Readonly<Partial<Record<FailureKind, ErrorCode>>> = {
  [FailureKind.AUTH]: 'WO_PROVIDER_AUTH',
  [FailureKind.QUOTA]: 'WO_PROVIDER_QUOTA',
  [FailureKind.CAPACITY]: 'WO_PROVIDER_CAPACITY',
  [FailureKind.INVALID]: 'WO_PROVIDER_INVALID',
};

/** A provider's refusal as an error; whether and when to try again stands in its details. */
export function failureToError(failure: ProviderFailure): WombatError {
  const retryAfterMs = durationToMs(failure.retryAfter);
  return new WombatError(codes[failure.kind] ?? 'WO_PROVIDER_UNAVAILABLE', failure.message, {
    details: {
      mayRetry: String(failure.mayRetry),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs: String(retryAfterMs) }),
      ...(failure.field ? { field: failure.field } : {}),
    },
  });
}
