import { ProviderError, type ProviderFailure } from '@wombat/plugin-sdk';
import { ProviderFailure as ProviderFailureCodec } from '@wombat/proto/plugin';
import { oneLine } from './one-line.js';

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
