import { EnrolmentServiceService } from '@wombat/proto/agent';
import { backoffMs, unaryCall, WombatError, type BackoffOptions, type Clock } from '@wombat/proto';
import type { Logger } from 'pino';
import type { CoordinatorAddress } from './coordinator-address.js';
import type { Enrolment } from './enrolment.js';
import { checkIdentity, lifeMs, notAfterMs, untilRenewalMs, type Identity } from './identity.js';
import { explainTime } from './explain-time.js';
import type { IdentityFiles } from './identity-files.js';
import { acceptIssued, reportSkew } from './issued-certificate.js';
import type { MakeCertificateRequest } from './request-process.js';
import { secureClient } from './secure-client.js';

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

/** Timers know no more than 24 days. */
const longestSleepMs = 24 * 60 * 60_000;
/** From one renewal to the next at least, or a third of the certificate's life where that is less. */
const shortestPauseMs = 10_000;

/** Holds the identity of this host and renews its certificate when a third of its life is left. */
export class IdentityKeeper {
  readonly #parts: IdentityKeeperParts;
  readonly #listeners = new Set<() => void>();
  #identity: Identity | undefined;
  // Both of the monotonic clock: once a certificate has come, a clock that is set changes nothing.
  #dueAtMs = 0;
  #earliestAtMs = 0;
  #alarm = new AbortController();

  constructor(parts: IdentityKeeperParts) {
    this.#parts = parts;
  }

  /** To be awaited once, before anything else here. @throws WombatError as Enrolment does */
  async ensure(signal: AbortSignal): Promise<Identity> {
    const { enrolment, clock } = this.#parts;
    this.#identity = await enrolment.ensureIdentity(signal);
    this.#dueAtMs = clock.monotonic() + untilRenewalMs(this.#identity, clock.now());
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

  /** The coordinator says that the certificate is over, whatever the clock here says. */
  renewSoon(): void {
    this.#dueAtMs = this.#parts.clock.monotonic();
    this.#alarm.abort();
  }

  /** Renews for ever; rejects only with the signal's reason. */
  async renewForever(signal: AbortSignal): Promise<never> {
    const { clock, backoff = { initialMs: 1_000, maximumMs: 300_000 } } = this.#parts;
    for (let attempt = 0; ; ) {
      const delayMs = Math.max(this.#dueAtMs, this.#earliestAtMs) - clock.monotonic();
      if (delayMs > 0) {
        await this.#sleep(Math.min(delayMs, longestSleepMs), signal);
        continue;
      }
      attempt = (await this.#tryRenew(signal)) ? 0 : attempt + 1;
      if (attempt > 0) await clock.sleep(backoffMs(attempt - 1, backoff), signal);
    }
  }

  /** Until the time is over, or somebody wants a renewal. */
  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    const alarm = new AbortController();
    const onStop = (): void => alarm.abort();
    signal.addEventListener('abort', onStop, { once: true });
    this.#alarm = alarm;
    await this.#parts.clock.sleep(ms, alarm.signal).catch(() => undefined);
    signal.removeEventListener('abort', onStop);
    signal.throwIfAborted();
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
      this.#plan(renewed, response.certificate?.coordinatorTime?.getTime() ?? clock.now());
      reportSkew(response.certificate?.coordinatorTime, clock, log);
      log.info({ notAfter: new Date(notAfterMs(renewed)) }, 'certificate renewed');
      for (const listener of this.#listeners) listener();
    } finally {
      client.close();
    }
  }

  /** How long it lives is measured by the clock that has signed it. */
  #plan(renewed: Identity, issuedAtMs: number): void {
    const nowMs = this.#parts.clock.monotonic();
    const issued = { ...renewed, obtainedAtMs: issuedAtMs };
    this.#dueAtMs = nowMs + untilRenewalMs(issued, issuedAtMs);
    this.#earliestAtMs = nowMs + Math.min(shortestPauseMs, Math.max(0, lifeMs(issued)) / 3);
  }
}
