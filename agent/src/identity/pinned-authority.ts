import type { X509Certificate } from 'node:crypto';
import { WombatError } from '@wombat/proto';
import { certificateSha256, presentedChain } from '@wombat/proto/presented-chain';
import type { CoordinatorAddress } from './coordinator-address.js';
import { coordinatorName, isClusterId, uriNames } from './identity.js';

/** The authority that a join token pins, as presented by the coordinator. */
export interface PinnedAuthority {
  /** PEM of the one certificate whose sha256 is the token's. */
  readonly certificate: string;
  readonly clusterId: string;
}

/**
 * Looks at the certificates that are presented at the address, without trusting anything there,
 * and answers the CA certificate that the token pins. Nothing is sent but the TLS handshake.
 * @throws WombatError WO_CA_MISMATCH when it is not among them, has not signed the leaf, or the leaf is not the coordinator's;
 *   WO_COORDINATOR_UNREACHABLE when nothing answers
 */
export async function fetchPinnedAuthority(address: CoordinatorAddress, caSha256: string, signal: AbortSignal): Promise<PinnedAuthority> {
  const chain = await presentedChain(address, signal);
  const authority = chain.find((certificate) => certificateSha256(certificate) === caSha256);
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

function clusterIdOf(authority: X509Certificate): string {
  for (const uri of uriNames(authority)) {
    const clusterId = uri.startsWith('wombat://') ? uri.slice('wombat://'.length) : '';
    if (isClusterId(clusterId)) return clusterId;
  }
  throw mismatch('the certificate authority that the token names bears no cluster id');
}

function mismatch(message: string): WombatError {
  return new WombatError('WO_CA_MISMATCH', message);
}
