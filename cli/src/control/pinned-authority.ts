import { X509Certificate } from 'node:crypto';
import { withDeadline, WombatError } from '@wombat/proto';
import { certificateSha256, presentedChain } from '@wombat/proto/presented-chain';
import { UsageError } from '../usage-error.js';

const timeoutMs = 10_000;

/** sha256 of the certificate's DER, hex: what pins name. @throws WombatError WO_CONFIG_INVALID */
export function caSha256Of(caPem: string | Buffer, from: string): string {
  try {
    return certificateSha256(new X509Certificate(caPem));
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
  const at = address.lastIndexOf(':');
  const place = { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) };
  const chain = await presentedChain(place, withDeadline(timeoutMs, 'the handshake', signal)).catch((error: unknown) => {
    signal.throwIfAborted();
    if (!WombatError.is(error) || error.code === 'WO_CA_MISMATCH') throw error;
    throw new WombatError('WO_COORDINATOR_UNREACHABLE', `no answer from ${address}: ${error.message}`);
  });
  const found = chain.find((certificate) => certificateSha256(certificate) === wanted);
  if (!found) throw new WombatError('WO_CA_MISMATCH', `${address} does not present an authority with the sha256 ${wanted}`);
  return found.toString();
}
