import { limits, WombatError } from '@wombat/proto';
import { EnrolmentServiceService, type IssuedCertificate } from '@wombat/proto/agent';
import { implement, type Service } from '../../api/service.js';
import { cleanText } from '../sanitize.js';
import { renewingHostOf, type RenewingIdentity } from './host-of.js';

export interface EnrolmentAttempt {
  readonly token: string;
  /** PKCS#10, DER. */
  readonly csr: Uint8Array;
  readonly agentVersion: string;
  /** By the clock of the machine that joins, when it says so. */
  readonly agentTime: Date | undefined;
  /** Address of the other end. */
  readonly peer: string;
  readonly signal: AbortSignal;
}

/** Who gives identities to hosts. */
export interface HostEnroller {
  /** @throws WombatError WO_TOKEN_MALFORMED, WO_TOKEN_REFUSED, WO_CLOCK_SKEW, WO_CSR_INVALID, WO_RATE_LIMITED */
  enrol(attempt: EnrolmentAttempt): Promise<{ readonly hostId: string; readonly certificate: IssuedCertificate }>;
  /** @throws WombatError WO_CERTIFICATE_REFUSED, WO_CSR_INVALID */
  renew(identity: RenewingIdentity, csr: Uint8Array, signal: AbortSignal): Promise<IssuedCertificate>;
}

/** "wo1.<64>.<id>.<secret>" is about 150 characters. */
const longestToken = 512;

/** EnrolmentService of the agents' door. */
export function enrolmentService(hosts: HostEnroller, clusterId: string): Service {
  return implement(EnrolmentServiceService, {
    enrol: async (request, { peer, signal }) => {
      if (request.token.length > longestToken) throw new WombatError('WO_TOKEN_MALFORMED', 'this is no join token');
      checkCsr(request.csr);
      const agentVersion = cleanText(request.agentVersion, 64);
      const { hostId, certificate } = await hosts.enrol({ token: request.token, csr: request.csr, agentVersion, agentTime: request.agentTime, peer, signal });
      return { clusterId, hostId, certificate };
    },
    renewCertificate: async (request, context) => {
      checkCsr(request.csr);
      return { certificate: await hosts.renew(renewingHostOf(context), request.csr, context.signal) };
    },
  });
}

function checkCsr(csr: Uint8Array): void {
  if (csr.length === 0 || csr.length > limits.csrBytes) {
    throw new WombatError('WO_CSR_INVALID', `a certificate request is 1 to ${limits.csrBytes} bytes`);
  }
}
