import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { FailureKind, ProviderFailure } from '@wombat/proto/plugin';
import { durationToMs } from '@wombat/proto';
import { ProviderError } from './provider-error.js';

/** Trailer of a call that failed as a whole, with a ProviderFailure. */
const trailer = 'wombat-failure-bin';

/** A call of the provider service failed: the failure in the trailer, its kind as a status for those who read nothing else. */
export function failedCall(value: unknown): ServiceError {
  const failure = ProviderError.from(value).toFailure();
  const metadata = new Metadata();
  metadata.set(trailer, Buffer.from(ProviderFailure.encode(failure).finish()));
  const short = failure.message.slice(0, 1_000);
  return Object.assign(new Error(short), { code: statuses[failure.kind] ?? status.UNKNOWN, details: short, metadata });
}

/** What a call of the provider service failed with. A plugin without the trailer is understood by its status. */
export function readFailedCall(error: ServiceError): ProviderError {
  const sent = error.metadata?.get(trailer)[0];
  const failure = Buffer.isBuffer(sent) ? decode(sent) : undefined;
  if (!failure) return new ProviderError(kindOf(error.code), error.details || 'the call failed', { cause: error });
  const retryAfterMs = durationToMs(failure.retryAfter);
  return new ProviderError(failure.kind in FailureKind ? failure.kind : FailureKind.UNAVAILABLE, failure.message, {
    field: failure.field, mayRetry: failure.mayRetry, ...(retryAfterMs === undefined ? {} : { retryAfterMs }), cause: error,
  });
}

function decode(bytes: Buffer): ProviderFailure | undefined {
  try {
    return ProviderFailure.decode(bytes);
  } catch {
    return undefined;
  }
}

const statuses: Readonly<Partial<Record<FailureKind, status>>> = {
  [FailureKind.AUTH]: status.PERMISSION_DENIED,
  [FailureKind.QUOTA]: status.RESOURCE_EXHAUSTED,
  [FailureKind.CAPACITY]: status.RESOURCE_EXHAUSTED,
  [FailureKind.THROTTLED]: status.RESOURCE_EXHAUSTED,
  [FailureKind.INVALID]: status.INVALID_ARGUMENT,
  [FailureKind.NOT_FOUND]: status.NOT_FOUND,
  [FailureKind.UNAVAILABLE]: status.UNAVAILABLE,
};

function kindOf(code: status): FailureKind {
  switch (code) {
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED:
      return FailureKind.AUTH;
    case status.INVALID_ARGUMENT:
    case status.UNIMPLEMENTED:
      return FailureKind.INVALID;
    case status.NOT_FOUND:
      return FailureKind.NOT_FOUND;
    default:
      return FailureKind.UNAVAILABLE;
  }
}
