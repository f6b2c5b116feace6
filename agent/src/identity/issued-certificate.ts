import type { IssuedCertificate } from '@wombat/proto/agent';
import { clockSkewError, isSkewed, WombatError, type Clock } from '@wombat/proto';
import type { Logger } from 'pino';
import type { Identity } from './identity.js';

/** Far more than a chain and two authorities need. */
const maximumPemBytes = 64 * 1024;

/** The parts of an identity that the coordinator issues, or WO_CERTIFICATE_REFUSED. */
export function acceptIssued(issued: IssuedCertificate | undefined): Pick<Identity, 'certificateChain' | 'trustedCa'> {
  const { certificateChain = '', trustedCa = '' } = issued ?? {};
  for (const pem of [certificateChain, trustedCa]) {
    if (pem.length === 0 || pem.length > maximumPemBytes) {
      throw new WombatError('WO_CERTIFICATE_REFUSED', 'the coordinator issued no certificate that can be used');
    }
  }
  return { certificateChain, trustedCa };
}

/** Certificates are judged by the clock, so a clock that is far off is told before it hurts. */
export function reportSkew(coordinatorTime: Date | undefined, clock: Clock, log: Logger): void {
  if (!coordinatorTime) return;
  const skewMs = clock.now() - coordinatorTime.getTime();
  if (!isSkewed(skewMs)) return;
  const { code, message, hint } = clockSkewError('the clock of this machine', skewMs);
  log.warn({ code, skewMs, hint }, message);
}
