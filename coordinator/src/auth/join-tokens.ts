import { randomBytes } from 'node:crypto';
import { formatJoinToken, parseJoinToken, WombatError, type Clock, type Ids } from '@wombat/proto';
import type { NewEvent } from '../domain/model/event.js';
import type { JoinToken } from '../domain/model/identity.js';
import type { Reader, Transaction } from '../store/store.js';
import { clusterIdKey } from './cluster-id.js';
import { equalDigests, sha256Hex } from './digest.js';

const defaultValidForMs = 15 * 60 * 1000;
/** After its use, the same key may ask again: the answer to the first may have been lost. */
const retryWindowMs = 60 * 60 * 1000;
/** Compared with when there is no token of that id, so that both cases take the same steps. */
const nobodysHash = sha256Hex(randomBytes(32));

export interface JoinTokenRequest {
  readonly hostId: string;
  /** @default 15 min */
  readonly validForMs?: number;
}

export interface IssuedJoinToken {
  readonly token: JoinToken;
  /** `wo1.<ca-sha256>.<id>.<secret>`, told this once: only a hash of it is stored. */
  readonly text: string;
}

/** Who wants to use a token. */
export interface Joiner {
  readonly tokenText: string;
  readonly publicKeySha256: string;
  readonly address: string;
}

export interface Consumed {
  readonly hostId: string;
  /** The same key has used the token before. */
  readonly isRetry: boolean;
}

/** Makes join tokens and decides who may use them. */
export class JoinTokens {
  constructor(
    private readonly caSha256: string,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  /** Part of the caller's transaction: a host and its token are stored together or not at all. */
  async issue(transaction: Transaction, request: JoinTokenRequest): Promise<IssuedJoinToken> {
    const id = this.ids.next('tok');
    const secret = randomBytes(32).toString('base64url');
    const token = await transaction.joinTokens.insert({
      id,
      name: id,
      generation: 1,
      observedGeneration: 1,
      hostId: request.hostId,
      secretHash: sha256Hex(secret),
      expiresAt: this.clock.now() + (request.validForMs ?? defaultValidForMs),
    });
    return { token, text: formatJoinToken({ caSha256: this.caSha256, id, secret }) };
  }

  async revoke(transaction: Transaction, token: JoinToken): Promise<JoinToken> {
    if (token.revokedAt !== undefined) return token;
    return transaction.joinTokens.update({ ...token, revokedAt: this.clock.now() });
  }

  /**
   * Whether the joiner may use the token, without using it.
   * @throws WombatError WO_TOKEN_MALFORMED
   */
  async examine(reader: Pick<Reader, 'joinTokens' | 'hosts' | 'meta'>, joiner: Joiner): Promise<JoinToken | Refusal> {
    const presented = parseJoinToken(joiner.tokenText);
    const token = await reader.joinTokens.get(presented.id);
    // How long a refusal takes tells nobody whether there is such a token: without one, another row is read and the same compared.
    if (!token) await reader.meta.get(clusterIdKey);
    const host = await reader.hosts.get(token?.hostId ?? presented.id);
    const [isSecret, isOurs] = [equalDigests(sha256Hex(presented.secret), token?.secretHash ?? nobodysHash), equalDigests(presented.caSha256, this.caSha256)];
    const why = this.judge(token, isSecret && isOurs, host?.desired === 'absent', joiner);
    return why !== undefined || !token ? new Refusal(presented.id, why ?? 'unknown', joiner, token) : token;
  }

  /** Consumes the token for the joiner's key and answers its host, or answers the refusal. */
  async consume(transaction: Transaction, joiner: Joiner): Promise<Consumed | Refusal> {
    const token = await this.examine(transaction, joiner);
    if (token instanceof Refusal) return token;
    if (token.usedAt !== undefined) return { hostId: token.hostId, isRetry: true };
    await transaction.joinTokens.update({
      ...token,
      usedAt: this.clock.now(),
      usedKey: joiner.publicKeySha256,
      usedFrom: joiner.address,
    });
    return { hostId: token.hostId, isRetry: false };
  }

  private judge(token: JoinToken | undefined, isGenuine: boolean, isHostGone: boolean, joiner: Joiner): RefusalReason | undefined {
    if (!token || !isGenuine) return 'unknown';
    if (token.revokedAt !== undefined || isHostGone) return 'revoked';
    const now = this.clock.now();
    if (token.usedAt === undefined) return now >= token.expiresAt ? 'expired' : undefined;
    if (token.usedKey !== joiner.publicKeySha256) return 'used';
    return now >= token.usedAt + retryWindowMs ? 'used' : undefined;
  }
}

type RefusalReason = 'unknown' | 'expired' | 'used' | 'revoked';

/** A token that was not accepted: the operator is told why, the joiner is not. */
export class Refusal {
  constructor(
    private readonly tokenId: string,
    private readonly reason: RefusalReason,
    private readonly joiner: Joiner,
    private readonly token: JoinToken | undefined,
  ) {}

  /** The same words for every reason. */
  toError(): WombatError {
    return new WombatError('WO_TOKEN_REFUSED', 'the join token is unknown, expired, revoked or used');
  }

  toEvent(): NewEvent {
    const { token, joiner } = this;
    const priorUser = token?.usedFrom ?? '';
    const message = `join token ${this.tokenId} was refused to ${joiner.address}: ${this.reason}${priorUser === '' ? '' : `, used before from ${priorUser}`}`;
    return {
      type: 'token.refused',
      subjectId: this.tokenId,
      subjectName: this.tokenId,
      reason: this.reason,
      message,
      hostId: token?.hostId ?? '',
      payload: {
        source: joiner.address,
        publicKeySha256: joiner.publicKeySha256,
        priorSource: priorUser,
        priorPublicKeySha256: token?.usedKey ?? '',
        priorUsedAt: token?.usedAt ?? 0,
      },
      payloadVersion: 1,
    };
  }
}
