import { EnrolmentServiceService } from '@wombat/proto/agent';
import { backoffMs, WombatError, type BackoffOptions, type Clock } from '@wombat/proto';
import type { Logger } from 'pino';
import type { CoordinatorAddress } from './coordinator-address.js';
import type { Enrolment } from './enrolment.js';
import { checkIdentity, notAfterMs, renewalDueMs, type Identity } from './identity.js';
import { explainTime } from './explain-time.js';
import type { IdentityFiles } from './identity-files.js';
import { acceptIssued, reportSkew } from './issued-certificate.js';
import type { MakeCertificateRequest } from './request-process.js';
import { secureClient } from './secure-client.js';
import { unaryCall } from './unary-call.js';

export interface IdentityKeeperParts {
  readonly enrolment: Enrolment;
  readonly files: IdentityFiles;
  readonly coordinator: CoordinatorAddress;
  readonly makeRequest: MakeCertificateRequest;
  readonly clock: Clock;
  readonly log: Logger;
  /** @default 1 s .. 5 min */
  readonly backoff?: BackoffOptions;
  /** @default 10 s */
  readonly timeoutMs?: number;
}

/** A longer sleep would not notice a wall clock that was set. */
const longestSleepMs = 10 * 60_000;
/** With a clock that is far ahead every certificate looks old: it is not asked for without end. */
const shortestPauseMs = 10_000;

/** Holds the identity of this host and renews its certificate before a third of its life is left. */
export class IdentityKeeper {
  readonly #parts: IdentityKeeperParts;
  readonly #listeners = new Set<() => void>();
  #identity: Identity | undefined;
  #renewedAtMs = -Infinity;

  constructor(parts: IdentityKeeperParts) {
    this.#parts = parts;
  }

  /** To be awaited once, before anything else here. @throws WombatError as Enrolment does */
  async ensure(signal: AbortSignal): Promise<Identity> {
    this.#identity = await this.#parts.enrolment.ensureIdentity(signal);
    return this.#identity;
  }

  current(): Identity {
    if (!this.#identity) throw new WombatError('WO_INTERNAL', 'the identity was asked for before it was there');
    return this.#identity;
  }

  /** Called after each renewal; answers the function that ends it. */
  onRenewed(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Renews for ever; rejects only with the signal's reason. */
  async renewForever(signal: AbortSignal): Promise<never> {
    for (let attempt = 0; ; ) {
      const delayMs = this.#untilRenewalMs();
      if (delayMs > 0) {
        await this.#parts.clock.sleep(Math.min(delayMs, longestSleepMs), signal);
        continue;
      }
      attempt = (await this.#tryRenew(signal)) ? 0 : attempt + 1;
      if (attempt > 0) await this.#parts.clock.sleep(backoffMs(attempt - 1, this.#parts.backoff ?? { initialMs: 1_000, maximumMs: 300_000 }), signal);
    }
  }

  #untilRenewalMs(): number {
    const now = this.#parts.clock.now();
    return Math.max(renewalDueMs(this.current()), this.#renewedAtMs + shortestPauseMs) - now;
  }

  async #tryRenew(signal: AbortSignal): Promise<boolean> {
    try {
      await this.renew(signal);
    } catch (caught) {
      signal.throwIfAborted();
      const error = WombatError.from(caught);
      this.#parts.log.warn({ code: error.code, reason: error.message }, 'the certificate could not be renewed yet');
      return false;
    }
    return true;
  }

  /** Renews now. @throws WombatError and leaves everything as it was */
  async renew(signal: AbortSignal): Promise<void> {
    const { coordinator, files, makeRequest, clock, log, timeoutMs = 10_000 } = this.#parts;
    const identity = this.current();
    const csr = await files.request(() => makeRequest(identity.privateKey));
    const client = secureClient(coordinator, identity);
    try {
      const response = await unaryCall(client, EnrolmentServiceService.renewCertificate, { csr: Buffer.from(csr) }, timeoutMs, signal).catch(async (error: unknown) => {
        throw await explainTime(error, coordinator, identity, clock);
      });
      const renewed = { ...identity, obtainedAtMs: clock.now(), ...acceptIssued(response.certificate) };
      checkIdentity(renewed);
      files.save(renewed);
      this.#identity = renewed;
      this.#renewedAtMs = renewed.obtainedAtMs;
      reportSkew(response.certificate?.coordinatorTime, clock, log);
      log.info({ notAfter: new Date(notAfterMs(renewed)) }, 'certificate renewed');
      for (const listener of this.#listeners) listener();
    } finally {
      client.close();
    }
  }
}
