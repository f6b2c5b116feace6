import type { IssuedCertificate } from '@wombat/proto/agent';
import { clockSkewError, isSkewed, WombatError, type Clock, type Ids } from '@wombat/proto';
import { failpoint } from '@wombat/proto/failpoints';
import { clockSkewEvent } from '../domain/model/clock-skew-event.js';
import type { HostCertificate, JoinToken } from '../domain/model/identity.js';
import type { Store, Transaction } from '../store/store.js';
import { addressOf } from './address-of.js';
import type { CertificateAuthority, HostCertificateIssued } from './certificate-authority.js';
import { certificateRefused, type CertificateIndex, type HostIdentity, type LapsedIdentity } from './certificate-index.js';
import { claimedKeySha256, readCertificateRequest, type RequestedKey } from './certificate-request.js';
import { JoinTokens, Refusal, type Consumed, type IssuedJoinToken, type Joiner, type JoinTokenRequest } from './join-tokens.js';
import { KeyedTokenBuckets, TokenBucket, type TokenBucketOptions } from '../limits/token-bucket.js';

/** Longest wait for a turn at signing. */
const maximumSigningWaitMs = 5_000;

export interface HostIdentitiesOptions {
  readonly store: Store;
  readonly authority: CertificateAuthority;
  readonly index: CertificateIndex;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Called when an event of a refusal could not be written. */
  readonly onUntold?: (error: unknown) => void;
  /** Signatures of the whole coordinator. @default 500 a second, burst 500 */
  readonly signing?: TokenBucketOptions;
  /** Failed enrolments of each address. @default 1 a second, burst 10 */
  readonly failures?: TokenBucketOptions;
}

export interface EnrolRequest {
  readonly token: string;
  readonly csr: Uint8Array;
  /** By the clock of the machine that joins. @default not checked */
  readonly agentTime?: Date | undefined;
  /** Address of the joiner, with or without its port. */
  readonly peer: string;
  readonly signal?: AbortSignal;
}

export interface Enrolled {
  readonly hostId: string;
  readonly certificate: IssuedCertificate;
}

/** Gives machines their identity: join token -> certificate -> host. */
export class HostIdentities {
  private readonly tokens: JoinTokens;
  private readonly signing: TokenBucket;
  private readonly failures: KeyedTokenBuckets;
  /** Strangers must not be able to fill the log of events. */
  private readonly refusalEvents: TokenBucket;
  /** A machine asks again every few seconds until its clock is right. */
  private readonly skewEvents: KeyedTokenBuckets;

  constructor(private readonly options: HostIdentitiesOptions) {
    const { authority, clock, ids } = options;
    this.tokens = new JoinTokens(authority.sha256, clock, ids);
    this.signing = new TokenBucket(clock, options.signing ?? { perSecond: 500, burst: 500 });
    this.failures = new KeyedTokenBuckets(clock, options.failures ?? { perSecond: 1, burst: 10 });
    this.skewEvents = new KeyedTokenBuckets(clock, { perSecond: 1 / 300, burst: 1 });
    this.refusalEvents = new TokenBucket(clock, { perSecond: 10, burst: 100 });
  }

  /** Inside the transaction when one is given, else in one of its own. */
  issueJoinToken(request: JoinTokenRequest, transaction?: Transaction): Promise<IssuedJoinToken> {
    if (transaction) return this.tokens.issue(transaction, request);
    return this.options.store.transaction((own) => this.tokens.issue(own, request));
  }

  /** @throws WombatError WO_NOT_FOUND */
  revokeJoinToken(tokenId: string): Promise<JoinToken> {
    return this.options.store.transaction(async (transaction) => {
      const token = await transaction.joinTokens.get(tokenId);
      if (!token) throw new WombatError('WO_NOT_FOUND', `there is no join token ${tokenId}`);
      return this.tokens.revoke(transaction, token);
    });
  }

  /**
   * Consumes the token for the key of the request, and signs. The same key again gets the same host again.
   * @throws WombatError WO_TOKEN_REFUSED, WO_TOKEN_MALFORMED, WO_CLOCK_SKEW, WO_CSR_INVALID, WO_RATE_LIMITED
   */
  async enrol(request: EnrolRequest): Promise<Enrolled> {
    const address = addressOf(request.peer);
    if (!this.failures.isOpen(address)) throw new WombatError('WO_RATE_LIMITED', 'too many failed enrolments from this address');
    try {
      const claimed = { tokenText: request.token, publicKeySha256: claimedKeySha256(request.csr), address };
      // Strangers cause no more work than this, whatever their request holds; what counts is the look inside the transaction.
      const token = await this.tokens.examine(this.options.store.read, claimed);
      if (token instanceof Refusal) throw this.refuse(token);
      await this.checkClock(token, request);
      const requested = await readCertificateRequest(request.csr);
      const issued = await this.sign(token.hostId, requested, request.signal);
      await failpoint('coordinator.enrolment.before-issue');
      const outcome = await this.consume({ ...claimed, publicKeySha256: requested.publicKeySha256 }, issued);
      if (outcome instanceof Refusal) throw this.refuse(outcome);
      await failpoint('coordinator.enrolment.after-issue');
      return { hostId: outcome.hostId, certificate: this.answer(issued) };
    } catch (error) {
      if (isJoinersFault(error)) this.failures.tryTake(address);
      throw error;
    }
  }

  /** @throws WombatError WO_CSR_INVALID, WO_RATE_LIMITED, WO_CERTIFICATE_REFUSED */
  async renew(identity: HostIdentity | LapsedIdentity, csr: Uint8Array, signal?: AbortSignal): Promise<IssuedCertificate> {
    const issued = await this.sign(identity.hostId, await readCertificateRequest(csr), signal);
    await this.options.store.transaction((transaction) => this.record(transaction, identity.hostId, issued, identity.fingerprint));
    return this.answer(issued);
  }

  /** @throws WombatError WO_CERTIFICATE_REFUSED when it is unknown, revoked or expired */
  identify(certificateDer: Uint8Array): HostIdentity {
    return this.options.index.identify(certificateDer);
  }

  /**
   * Refuses every certificate and join token of the host from now on; its connections are cut. Told once, however often it is
   * asked for. Inside the transaction when one is given, else in one of its own.
   */
  async revoke(hostId: string, reason: string, transaction?: Transaction): Promise<void> {
    if (transaction) await this.revokeAll(transaction, hostId, reason);
    else await this.options.store.transaction((own) => this.revokeAll(own, hostId, reason));
  }

  private async revokeAll(transaction: Transaction, hostId: string, reason: string): Promise<void> {
    const revokedAt = this.options.clock.now();
    const certificates = (await transaction.hostCertificates.find({ hostId })).filter((one) => one.revokedAt === undefined);
    const tokens = (await transaction.joinTokens.find({ hostId })).filter((one) => one.revokedAt === undefined);
    if (certificates.length === 0 && tokens.length === 0) return;
    for (const certificate of certificates) await transaction.hostCertificates.update({ ...certificate, revokedAt });
    for (const token of tokens) await this.tokens.revoke(transaction, token);
    const message = `the identity of host ${hostId} was revoked: ${reason}`;
    await transaction.events.append({ type: 'host.identity-revoked', subjectId: hostId, subjectName: hostId, hostId, reason: 'revoked', message });
  }

  /** ONE conditional update: of two joiners the second finds another revision, and is judged anew. */
  private async consume(joiner: Joiner, issued: HostCertificateIssued): Promise<Consumed | Refusal> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.options.store.transaction((transaction) => this.consumeOnce(transaction, joiner, issued));
      } catch (error) {
        if (!WombatError.is(error) || error.code !== 'WO_CONFLICT' || attempt === 3) throw error;
      }
    }
  }

  /** Token, certificate and event together: an enrolment has happened or it has not. */
  private async consumeOnce(transaction: Transaction, joiner: Joiner, issued: HostCertificateIssued): Promise<Consumed | Refusal> {
    const consumed = await this.tokens.consume(transaction, joiner);
    if (consumed instanceof Refusal) return consumed;
    const { hostId, isRetry } = consumed;
    await this.record(transaction, hostId, issued, undefined);
    if (isRetry) return consumed;
    const name = (await transaction.hosts.get(hostId))?.name ?? hostId;
    const message = `host ${name} enrolled from ${joiner.address}`;
    const payload = { source: joiner.address, publicKeySha256: joiner.publicKeySha256 };
    await transaction.events.append({ type: 'host.enrolled', subjectId: hostId, subjectName: name, hostId, reason: 'enrolled', message, payload, payloadVersion: 1 });
    return consumed;
  }

  /** Every refusal takes the same steps and has the same words; the operator is told why. */
  private refuse(refusal: Refusal): WombatError {
    const { store, onUntold } = this.options;
    // Not awaited: how long the writing takes would tell whether there is such a token.
    if (this.refusalEvents.tryTake()) void store.transaction((transaction) => transaction.events.append(refusal.toEvent())).catch((error: unknown) => onUntold?.(error));
    return refusal.toError();
  }

  /** The token is not used up by it: clocks of new machines are often set a moment later. */
  private async checkClock(token: JoinToken, { agentTime, peer }: EnrolRequest): Promise<void> {
    const skewMs = agentTime === undefined ? 0 : agentTime.getTime() - this.options.clock.now();
    if (!isSkewed(skewMs)) return;
    const { hostId } = token;
    if (this.skewEvents.tryTake(hostId)) await this.options.store.transaction((transaction) => transaction.events.append(clockSkewEvent(hostId, hostId, addressOf(peer), skewMs)));
    throw clockSkewError('the clock of this machine', skewMs);
  }

  private async sign(hostId: string, requested: RequestedKey, signal?: AbortSignal): Promise<HostCertificateIssued> {
    await this.signing.take(maximumSigningWaitMs, 'certificates to sign', signal);
    return this.options.authority.issueHostCertificate(hostId, requested);
  }

  private answer(issued: HostCertificateIssued): IssuedCertificate {
    const { authority, clock } = this.options;
    return {
      certificateChain: issued.chainPem,
      trustedCa: authority.trustedPem,
      notAfter: new Date(issued.notAfter),
      coordinatorTime: new Date(clock.now()),
    };
  }

  /** A certificate is worth something only once it is recorded; a revocation in the meantime wins. */
  private async record(transaction: Transaction, hostId: string, issued: HostCertificateIssued, renewedFrom: string | undefined): Promise<void> {
    const known = await transaction.hostCertificates.find({ hostId });
    const host = await transaction.hosts.get(hostId);
    const isRevoked = renewedFrom !== undefined && known.find((one) => one.id === renewedFrom)?.revokedAt !== undefined;
    if (isRevoked || host?.desired === 'absent') throw certificateRefused('revoked');
    for (const old of known) if (old.id !== renewedFrom && isLongOver(old, this.options.clock.now())) await transaction.hostCertificates.delete(old.id);
    await transaction.hostCertificates.insert({
      id: issued.fingerprint,
      name: issued.fingerprint,
      generation: 1,
      observedGeneration: 1,
      hostId,
      notAfter: issued.notAfter,
    });
  }
}

const dayMs = 24 * 60 * 60 * 1000;

/** Kept for a day after its end, so that who still shows it is told "expired" and not "unknown"; who has just renewed with it may have to do so again. */
function isLongOver(certificate: HostCertificate, now: number): boolean {
  return certificate.notAfter + dayMs < now;
}

function isJoinersFault(error: unknown): boolean {
  return WombatError.is(error) && (error.code === 'WO_TOKEN_REFUSED' || error.code === 'WO_TOKEN_MALFORMED' || error.code === 'WO_CSR_INVALID');
}
