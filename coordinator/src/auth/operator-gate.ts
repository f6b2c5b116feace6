import { WombatError, type Clock } from '@wombat/proto';
import { addressOf } from './address-of.js';
import type { OperatorIdentity, Operators } from './operators.js';
import { KeyedTokenBuckets, type TokenBucketOptions } from '../limits/token-bucket.js';
import type { TokenUses } from './token-uses.js';

export interface OperatorGateOptions {
  readonly operators: Operators;
  readonly uses: TokenUses;
  readonly clock: Clock;
  /** Calls with each token. @default 500 a second, burst 1,000 */
  readonly calls?: TokenBucketOptions;
  /** Failed authentications from each address. @default 1 a second, burst 20 */
  readonly failures?: TokenBucketOptions;
}

/**
 * Lets operators in by their token, whatever the door, and no more often than is good for others.
 * Who has a good token is never kept out for what others at his address have tried.
 */
export class OperatorGate {
  private readonly calls: KeyedTokenBuckets;
  private readonly failures: KeyedTokenBuckets;

  constructor(private readonly options: OperatorGateOptions) {
    this.calls = new KeyedTokenBuckets(options.clock, options.calls ?? { perSecond: 500, burst: 1_000 });
    this.failures = new KeyedTokenBuckets(options.clock, options.failures ?? { perSecond: 1, burst: 20 });
  }

  /**
   * @param authorization the header `authorization: Bearer TOKEN`
   * @throws WombatError WO_UNAUTHENTICATED, WO_RATE_LIMITED with details.retryAfterMs
   */
  admit(authorization: string | undefined, peer: string): OperatorIdentity {
    const identity = this.authenticate(authorization, addressOf(peer));
    const { taken, waitMs } = this.calls.take(identity.id);
    if (!taken) throw tooMany(`calls with the token of ${identity.name}`, waitMs);
    this.options.uses.note(identity.id, addressOf(peer));
    return identity;
  }

  private authenticate(authorization: string | undefined, address: string): OperatorIdentity {
    try {
      return this.options.operators.authenticate(bearerOf(authorization));
    } catch (error) {
      const { taken, waitMs } = this.failures.take(address);
      throw taken ? error : tooMany('failed authentications from this address', waitMs);
    }
  }
}

function tooMany(what: string, waitMs: number): WombatError {
  return new WombatError('WO_RATE_LIMITED', `too many ${what}`, { details: { retryAfterMs: String(waitMs) } });
}

function bearerOf(header: string | undefined): string {
  const match = /^Bearer +(\S+)$/i.exec(header ?? '');
  if (!match) throw new WombatError('WO_UNAUTHENTICATED', 'the call carries no token: authorization: Bearer TOKEN');
  return match[1]!;
}
