import { catalogue, type ErrorCode } from './catalogue.js';

export interface WombatErrorOptions {
  /** What to do about it; the catalogue's hint when left out. */
  readonly hint?: string;
  /** Facts for programs. Never a secret. */
  readonly details?: Readonly<Record<string, string>>;
  /** Kept for the log, never sent over a wire. */
  readonly cause?: unknown;
}

const brand = Symbol.for('wombat.error');

/** The one error type. Its code is stable and stands in the catalogue. */
export class WombatError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly details: Readonly<Record<string, string>>;
  // Recognised across copies of this package (a plugin may bring its own).
  readonly [brand] = true;

  constructor(code: ErrorCode, message: string, options: WombatErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'WombatError';
    this.code = code;
    this.hint = options.hint ?? catalogue[code].hint;
    this.details = options.details ?? {};
  }

  static is(value: unknown): value is WombatError {
    return typeof value === 'object' && value !== null && brand in value;
  }

  /** Normalises anything caught: what is no WombatError becomes WO_INTERNAL with the cause kept. */
  static from(value: unknown): WombatError {
    if (WombatError.is(value)) return value;
    const message = value instanceof Error ? value.message : String(value);
    return new WombatError('WO_INTERNAL', message, { cause: value });
  }
}
