import { webcrypto } from 'node:crypto';
import { limits, WombatError } from '@wombat/proto';
import { sha256Hex } from './digest.js';
import { x509 } from './x509.js';

/** The public key of a certificate request that has proved that its sender holds the private one. */
export interface RequestedKey {
  readonly publicKey: webcrypto.CryptoKey;
  /** sha256 of the public key (SPKI, DER), hex. */
  readonly publicKeySha256: string;
}

/**
 * Reads a PKCS#10 request in DER: at most 4 KiB, P-256, signed by its own key. Subject and
 * extensions are ignored.
 * @throws WombatError WO_CSR_INVALID
 */
export async function readCertificateRequest(der: Uint8Array): Promise<RequestedKey> {
  if (der.length === 0 || der.length > limits.csrBytes) throw invalid(`it has ${der.length} bytes; 1 to ${limits.csrBytes} are allowed`);
  const request = parse(der);
  const algorithm = request.publicKey.algorithm as EcAlgorithm;
  if (algorithm.name !== 'ECDSA' || algorithm.namedCurve !== 'P-256') throw invalid('its key is not on the curve P-256');
  if (!(await hasValidSignature(request))) throw invalid('it is not signed by its own key');
  const key = await exportKey(request);
  // In any other form the key could not be recognised when its answer was lost and it asks again.
  if (key.publicKeySha256 !== claimedKeySha256(der)) throw invalid('its key is not written as an uncompressed point');
  return key;
}

/** An uncompressed point on P-256 as every SubjectPublicKeyInfo of one begins. */
const spkiPrefix = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');
const spkiBytes = spkiPrefix.length + 65;

/**
 * The hash of the key that a request claims to be for, found without reading the request: it costs next to nothing,
 * and proves nothing. Empty when there is none.
 */
export function claimedKeySha256(der: Uint8Array): string {
  const bytes = Buffer.from(der.buffer, der.byteOffset, der.byteLength);
  const at = bytes.indexOf(spkiPrefix);
  return at === -1 || at + spkiBytes > bytes.length ? '' : sha256Hex(bytes.subarray(at, at + spkiBytes));
}

interface EcAlgorithm {
  readonly name: string;
  readonly namedCurve?: string;
}

function parse(der: Uint8Array): InstanceType<typeof x509.Pkcs10CertificateRequest> {
  try {
    // A copy: the library keeps and compares whole buffers.
    return new x509.Pkcs10CertificateRequest(Uint8Array.from(der));
  } catch (error) {
    throw invalid('it is no PKCS#10 request in DER', error);
  }
}

async function hasValidSignature(request: InstanceType<typeof x509.Pkcs10CertificateRequest>): Promise<boolean> {
  try {
    return await request.verify();
  } catch {
    return false;
  }
}

/** Exported anew, because one key can be written in several ways and is recognised by its hash. */
async function exportKey(request: InstanceType<typeof x509.Pkcs10CertificateRequest>): Promise<RequestedKey> {
  try {
    const publicKey = (await request.publicKey.export()) as webcrypto.CryptoKey;
    const spki = await webcrypto.subtle.exportKey('spki', publicKey);
    return { publicKey, publicKeySha256: sha256Hex(new Uint8Array(spki)) };
  } catch (error) {
    throw invalid('its key cannot be read', error);
  }
}

function invalid(why: string, cause?: unknown): WombatError {
  return new WombatError('WO_CSR_INVALID', `the certificate request is refused: ${why}`, cause === undefined ? {} : { cause });
}
