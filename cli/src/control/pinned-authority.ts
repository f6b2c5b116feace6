import { createHash, X509Certificate } from 'node:crypto';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { WombatError } from '@wombat/proto';
import { UsageError } from '../usage-error.js';

const timeoutMs = 10_000;
const longestChain = 8;

/** sha256 of the certificate's DER, hex: what pins name. @throws WombatError WO_CONFIG_INVALID */
export function caSha256Of(caPem: string | Buffer, from: string): string {
  try {
    return createHash('sha256').update(new X509Certificate(caPem).raw).digest('hex');
  } catch {
    throw new WombatError('WO_CONFIG_INVALID', `${from} is no certificate in PEM`);
  }
}

/**
 * The authority that is presented at the address, when it is the one pinned. Nothing is believed and nothing is sent before.
 * @throws WombatError WO_CA_MISMATCH, WO_COORDINATOR_UNREACHABLE
 */
export async function fetchAuthority(address: string, pin: string, signal: AbortSignal): Promise<string> {
  const wanted = pin.toLowerCase().replaceAll(':', '');
  if (!/^[0-9a-f]{64}$/.test(wanted)) throw new UsageError('--ca-sha256 wants 64 hex digits');
  const chain = await presentedChain(address, signal);
  const found = chain.find((der) => createHash('sha256').update(der).digest('hex') === wanted);
  if (!found) throw new WombatError('WO_CA_MISMATCH', `${address} does not present an authority with the sha256 ${wanted}`);
  return new X509Certificate(found).toString();
}

function presentedChain(address: string, signal: AbortSignal): Promise<Buffer[]> {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    // Whom it trusts is decided by the pin, afterwards.
    const socket = connect({ host, port: Number(address.slice(at + 1)), rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    const fail = (why: string): void => {
      socket.destroy();
      reject(signal.aborted ? (signal.reason as Error) : new WombatError('WO_COORDINATOR_UNREACHABLE', `no answer from ${address}: ${why}`));
    };
    const onAbort = (): void => fail('interrupted');
    signal.addEventListener('abort', onAbort, { once: true });
    socket.setTimeout(timeoutMs, () => fail(`nothing came in ${timeoutMs / 1000} s`));
    socket.once('error', (error) => fail(error.message));
    socket.once('close', () => signal.removeEventListener('abort', onAbort));
    socket.once('secureConnect', () => {
      resolve(certificatesOf(socket.getPeerCertificate(true)));
      socket.destroy();
    });
  });
}

function certificatesOf(leaf: DetailedPeerCertificate): Buffer[] {
  const chain: Buffer[] = [];
  for (let certificate: DetailedPeerCertificate | undefined = leaf; certificate?.raw && chain.length < longestChain; certificate = certificate.issuerCertificate) {
    // The root names itself as its issuer.
    if (chain.some((der) => der.equals(certificate!.raw))) break;
    chain.push(certificate.raw);
  }
  return chain;
}
