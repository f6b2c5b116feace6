import { EnrolmentServiceService } from '@wombat/proto/agent';
import { failpoint } from '@wombat/proto/failpoints';
import { backoffMs, parseJoinToken, unaryCall, withDeadline, wombatVersion, WombatError, type BackoffOptions, type Clock, type ErrorCode } from '@wombat/proto';
import type { Logger } from 'pino';
import type { CoordinatorAddress } from './coordinator-address.js';
import { explainTime } from './explain-time.js';
import { checkIdentity, type Identity } from './identity.js';
import { readTokenFile, removeTokenFile, type IdentityFiles } from './identity-files.js';
import { acceptIssued, reportSkew } from './issued-certificate.js';
import { fetchPinnedAuthority } from './pinned-authority.js';
import type { MakeCertificateRequest } from './request-process.js';
import { secureClient } from './secure-client.js';

export interface EnrolmentParts {
  readonly files: IdentityFiles;
  readonly coordinator: CoordinatorAddress;
  /** Where the join token lies; not needed once the host is enrolled. */
  readonly tokenFile: string | undefined;
  readonly makeRequest: MakeCertificateRequest;
  readonly clock: Clock;
  readonly log: Logger;
  /** @default 500 ms .. 15 s */
  readonly backoff?: BackoffOptions;
  /** For the handshake that looks at the CA, and for the call. @default 10 s */
  readonly timeoutMs?: number;
}

/** Answers that another try cannot change: the agent ends, and says so. */
const finalRefusals: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'WO_TOKEN_MALFORMED', 'WO_TOKEN_REFUSED', 'WO_CA_MISMATCH', 'WO_CERTIFICATE_REFUSED', 'WO_CSR_INVALID',
  'WO_VERSION_SKEW', 'WO_PERMISSION_DENIED', 'WO_UNAUTHENTICATED', 'WO_CONFIG_INVALID', 'WO_INVALID_ARGUMENT', 'WO_METHOD_UNKNOWN',
]);

/** How this machine gets its identity, once: see proto/wombat/agent/v1/enrolment.proto. */
export class Enrolment {
  readonly #parts: EnrolmentParts;

  constructor(parts: EnrolmentParts) {
    this.#parts = parts;
  }

  /**
   * The identity kept on disk, or a new one got with the join token.
   * Tried again until it is there, unless the coordinator refuses for good.
   * @throws WombatError WO_TOKEN_REFUSED, WO_CA_MISMATCH, WO_CONFIG_INVALID ...
   */
  async ensureIdentity(signal: AbortSignal): Promise<Identity> {
    const kept = this.#parts.files.load();
    const identity = kept ?? (await this.#enrolWithRetry(this.#token(), signal));
    await failpoint('agent.enrolment.after-save');
    if (this.#parts.tokenFile !== undefined) removeTokenFile(this.#parts.tokenFile);
    return identity;
  }

  #token(): string {
    const { tokenFile } = this.#parts;
    const hint = 'give --join-token-file FILE with a token made by: wo token create';
    if (tokenFile === undefined) throw new WombatError('WO_CONFIG_INVALID', 'this host is not enrolled and has no join token', { hint });
    const token = readTokenFile(tokenFile);
    if (token === undefined) throw new WombatError('WO_CONFIG_INVALID', `this host is not enrolled and ${tokenFile} is not there`, { hint });
    return token;
  }

  async #enrolWithRetry(token: string, signal: AbortSignal): Promise<Identity> {
    const { clock, log, backoff = { initialMs: 500, maximumMs: 15_000 } } = this.#parts;
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#enrol(token, signal);
      } catch (caught) {
        signal.throwIfAborted();
        const error = WombatError.from(caught);
        if (finalRefusals.has(error.code)) throw error;
        const delayMs = backoffMs(attempt, backoff);
        log.warn({ code: error.code, reason: error.message, delayMs }, 'not enrolled yet');
        await clock.sleep(delayMs, signal);
      }
    }
  }

  async #enrol(tokenText: string, signal: AbortSignal): Promise<Identity> {
    const { coordinator, files, makeRequest, log, clock, timeoutMs = 10_000 } = this.#parts;
    const token = parseJoinToken(tokenText);
    const privateKey = files.privateKey();
    const csr = await files.request(() => makeRequest(privateKey));
    const authority = await fetchPinnedAuthority(coordinator, token.caSha256, withDeadline(timeoutMs, 'the handshake', signal));
    // From here on the connection is verified; the token goes nowhere else.
    const client = secureClient(coordinator, { clusterId: authority.clusterId, trustedCa: authority.certificate });
    try {
      await failpoint('agent.enrolment.before-request');
      const request = { token: tokenText, csr: Buffer.from(csr), agentVersion: wombatVersion, agentTime: new Date(clock.now()) };
      const response = await unaryCall(client, EnrolmentServiceService.enrol, request, timeoutMs, signal).catch(async (error: unknown) => {
        throw await explainTime(error, coordinator, { clusterId: authority.clusterId, trustedCa: authority.certificate }, clock);
      });
      if (response.clusterId !== authority.clusterId) throw new WombatError('WO_CA_MISMATCH', 'the answer names another cluster than the certificate authority');
      const identity = { clusterId: response.clusterId, hostId: response.hostId, privateKey, obtainedAtMs: clock.now(), ...acceptIssued(response.certificate) };
      checkIdentity(identity);
      await failpoint('agent.enrolment.after-answer');
      files.save(identity);
      reportSkew(response.certificate?.coordinatorTime, clock, log);
      log.info({ hostId: identity.hostId, clusterId: identity.clusterId }, 'enrolled');
      return identity;
    } finally {
      client.close();
    }
  }
}
