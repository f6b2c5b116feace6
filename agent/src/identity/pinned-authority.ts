import { createHash, X509Certificate } from 'node:crypto';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { orAborted, WombatError } from '@wombat/proto';
import type { CoordinatorAddress } from './coordinator-address.js';
import { coordinatorName, isClusterId, uriNames } from './identity.js';

/** The authority that a join token pins, as presented by the coordinator. */
export interface PinnedAuthority {
  /** PEM of the one certificate whose sha256 is the token's. */
  readonly certificate: string;
  readonly clusterId: string;
}

/** Chains longer than this are nobody's honest chain. */
const maximumChain = 8;

/**
 * Looks at the certificates that are presented at the address, without trusting anything there,
 * and answers the CA certificate that the token pins. Nothing is sent but the TLS handshake.
 * @throws WombatError WO_CA_MISMATCH when it is not among them, has not signed the leaf, or the leaf is not the coordinator's;
 *   WO_COORDINATOR_UNREACHABLE when nothing answers
 */
export async function fetchPinnedAuthority(address: CoordinatorAddress, caSha256: string, signal: AbortSignal): Promise<PinnedAuthority> {
  const chain = await presentedChain(address, signal);
  const authority = chain.find((certificate) => sha256(certificate) === caSha256);
  if (!authority) throw mismatch('the coordinator presents another certificate authority than the token names');
  const leaf = chain[0]!;
  if (leaf === authority || !leaf.checkIssued(authority) || !leaf.verify(authority.publicKey)) {
    throw mismatch("the coordinator's certificate is not signed by the authority that the token names");
  }
  const clusterId = clusterIdOf(authority);
  if (leaf.checkHost(coordinatorName(clusterId)) === undefined) {
    throw mismatch(`the certificate presented does not bear the name ${coordinatorName(clusterId)}`);
  }
  return { certificate: authority.toString(), clusterId };
}

function sha256(certificate: X509Certificate): string {
  return createHash('sha256').update(certificate.raw).digest('hex');
}

function clusterIdOf(authority: X509Certificate): string {
  for (const uri of uriNames(authority)) {
    const clusterId = uri.startsWith('wombat://') ? uri.slice('wombat://'.length) : '';
    if (isClusterId(clusterId)) return clusterId;
  }
  throw mismatch('the certificate authority that the token names bears no cluster id');
}

async function presentedChain(address: CoordinatorAddress, signal: AbortSignal): Promise<readonly X509Certificate[]> {
  // Verification comes later and by hash: there is nothing yet to verify against.
  const socket = connect({ ...address, rejectUnauthorized: false, ALPNProtocols: ['h2'], minVersion: 'TLSv1.3' });
  try {
    await orAborted(secured(socket), signal);
    return chainOf(socket.getPeerCertificate(true));
  } finally {
    socket.destroy();
  }
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
  if (chain.length === 0) throw mismatch('the coordinator presents no certificate');
  return chain;
}

function mismatch(message: string): WombatError {
  return new WombatError('WO_CA_MISMATCH', message);
}
