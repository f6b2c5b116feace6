import { createHash, X509Certificate } from 'node:crypto';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { orAborted } from './abort.js';
import { WombatError } from './errors/wombat-error.js';

/** Chains longer than this are nobody's honest chain. */
const maximumChain = 8;

/**
 * The certificates that are presented at an address, the leaf first. Nothing there is trusted, and nothing is sent but the TLS
 * handshake: whoever pins one of them looks for it by its hash.
 * @throws WombatError WO_COORDINATOR_UNREACHABLE; WO_CA_MISMATCH when there is none
 */
export async function presentedChain(address: { readonly host: string; readonly port: number }, signal: AbortSignal): Promise<readonly X509Certificate[]> {
  // Verification comes later and by hash: there is nothing yet to verify against.
  const socket = connect({ ...address, rejectUnauthorized: false, ALPNProtocols: ['h2'], minVersion: 'TLSv1.3' });
  try {
    await orAborted(secured(socket), signal);
    return chainOf(socket.getPeerCertificate(true));
  } finally {
    socket.destroy();
  }
}

/** Of the DER, in hex: what join tokens and contexts pin. */
export function certificateSha256(certificate: X509Certificate): string {
  return createHash('sha256').update(certificate.raw).digest('hex');
}

function secured(socket: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve);
    // Stays for the socket's life: a late error must not end the process.
    socket.on('error', (cause) => reject(new WombatError('WO_COORDINATOR_UNREACHABLE', `no TLS connection: ${cause.message}`, { cause })));
  });
}

function chainOf(leaf: DetailedPeerCertificate): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  const seen = new Set<DetailedPeerCertificate>();
  // A self-signed certificate is its own issuer in Node's view of the chain.
  for (let next: DetailedPeerCertificate | undefined = leaf; next?.raw && !seen.has(next) && chain.length < maximumChain; next = next.issuerCertificate) {
    seen.add(next);
    chain.push(new X509Certificate(next.raw));
  }
  if (chain.length === 0) throw new WombatError('WO_CA_MISMATCH', 'the coordinator presents no certificate');
  return chain;
}
