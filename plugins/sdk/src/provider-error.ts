import { durationFromMs } from '@wombat/proto';
import { FailureKind, type ProviderFailure } from '@wombat/proto/plugin';

const brand = Symbol.for('wombat.provider-error');
const retryable = new Set([FailureKind.CAPACITY, FailureKind.THROTTLED, FailureKind.UNAVAILABLE]);

export interface ProviderErrorOptions {
  /** With throttled: how long the provider asks to wait. */
  readonly retryAfterMs?: number;
  /** With invalid: the setting or field at fault. */
  readonly field?: string;
  /** @default true for capacity, throttled and unavailable */
  readonly mayRetry?: boolean;
  /** Kept for the log, never sent over a wire. */
  readonly cause?: unknown;
}

/**
 * What a driver fails with, thrown or given per host. Messages start in lower case, without a period,
 * and never hold a secret.
 */
export class ProviderError extends Error {
  readonly kind: FailureKind;
  readonly mayRetry: boolean;
  readonly retryAfterMs: number | undefined;
  readonly field: string;
  // Recognised across copies of this package.
  readonly [brand] = true;

  constructor(kind: FailureKind, message: string, options: ProviderErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ProviderError';
    this.kind = kind;
    this.mayRetry = options.mayRetry ?? retryable.has(kind);
    this.retryAfterMs = options.retryAfterMs;
    this.field = options.field ?? '';
  }

  /** The credentials are refused, or may not do this. */
  static auth(message: string, cause?: unknown): ProviderError {
    return new ProviderError(FailureKind.AUTH, message, { cause });
  }

  /** A limit of the account is reached. */
  static quota(message: string, cause?: unknown): ProviderError {
    return new ProviderError(FailureKind.QUOTA, message, { cause });
  }

  /** The provider has no such machine free here and now. */
  static capacity(message: string, cause?: unknown): ProviderError {
    return new ProviderError(FailureKind.CAPACITY, message, { cause });
  }

  /** Too many calls: report it, do not sleep. */
  static throttled(message: string, retryAfterMs: number, cause?: unknown): ProviderError {
    return new ProviderError(FailureKind.THROTTLED, message, { retryAfterMs, cause });
  }

  /** A value is refused; `field` names it: "image", "region". */
  static invalid(field: string, message: string, cause?: unknown): ProviderError {
    return new ProviderError(FailureKind.INVALID, message, { field, cause });
  }

  static notFound(message: string, cause?: unknown): ProviderError {
    return new ProviderError(FailureKind.NOT_FOUND, message, { cause });
  }

  /** The provider does not answer as it should. */
  static unavailable(message: string, cause?: unknown): ProviderError {
    return new ProviderError(FailureKind.UNAVAILABLE, message, { cause });
  }

  static is(value: unknown): value is ProviderError {
    return typeof value === 'object' && value !== null && brand in value;
  }

  /** Normalises anything caught: what is no ProviderError becomes `unavailable`, with the cause kept. */
  static from(value: unknown): ProviderError {
    if (ProviderError.is(value)) return value;
    return ProviderError.unavailable(value instanceof Error ? value.message : String(value), value);
  }

  /** As it crosses the wire. */
  toFailure(): ProviderFailure {
    return {
      kind: this.kind,
      message: this.message,
      mayRetry: this.mayRetry,
      retryAfter: this.retryAfterMs === undefined ? undefined : durationFromMs(this.retryAfterMs),
      field: this.field,
    };
  }
}
