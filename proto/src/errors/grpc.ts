import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { ErrorDetail } from '../gen/wombat/type/v1/error.js';
import { catalogue, isErrorCode, type ErrorCode } from './catalogue.js';
import { WombatError } from './wombat-error.js';

const trailer = 'wombat-error-bin';

export function toErrorDetail(error: WombatError): ErrorDetail {
  return { code: error.code, message: error.message, hint: error.hint, details: { ...error.details } };
}

export function fromErrorDetail(detail: ErrorDetail): WombatError {
  const code = isErrorCode(detail.code) ? detail.code : 'WO_INTERNAL';
  return new WombatError(code, detail.message, { hint: detail.hint, details: detail.details });
}

/** What a gRPC handler fails with: status of the catalogue, detail in the trailer, no cause. */
export function toServiceError(value: unknown): ServiceError {
  const error = WombatError.from(value);
  const metadata = new Metadata();
  metadata.set(trailer, Buffer.from(ErrorDetail.encode(toErrorDetail(error)).finish()));
  const code = catalogue[error.code].grpc;
  return Object.assign(new Error(error.message), { code, details: error.message, metadata });
}

/** Reads what a gRPC call failed with; errors of the transport get a code of their own. */
export function fromServiceError(value: unknown): WombatError {
  if (WombatError.is(value)) return value;
  const error = value as Partial<ServiceError>;
  if (typeof error.code !== 'number') return WombatError.from(value);
  const detail = error.metadata?.get(trailer)[0];
  if (Buffer.isBuffer(detail)) {
    try {
      return fromErrorDetail(ErrorDetail.decode(detail));
    } catch {
      // Fall through: an answer that cannot be read is judged by its status.
    }
  }
  return new WombatError(codeOfStatus(error.code), error.details ?? error.message ?? 'the call failed', { cause: value });
}

function codeOfStatus(code: status): ErrorCode {
  switch (code) {
    case status.UNAVAILABLE:
      return 'WO_UNAVAILABLE';
    case status.DEADLINE_EXCEEDED:
      return 'WO_DEADLINE_EXCEEDED';
    case status.CANCELLED:
      return 'WO_CANCELLED';
    case status.UNAUTHENTICATED:
      return 'WO_UNAUTHENTICATED';
    case status.PERMISSION_DENIED:
      return 'WO_PERMISSION_DENIED';
    case status.UNIMPLEMENTED:
      return 'WO_METHOD_UNKNOWN';
    case status.INVALID_ARGUMENT:
      return 'WO_INVALID_ARGUMENT';
    case status.NOT_FOUND:
      return 'WO_NOT_FOUND';
    default:
      return 'WO_INTERNAL';
  }
}
