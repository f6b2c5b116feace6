import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isId, WombatError } from '@wombat/proto';

/** Who this host is, and what proves it. */
export interface Identity {
  readonly clusterId: string;
  readonly hostId: string;
  /** PEM, the leaf first. */
  readonly certificateChain: string;
  /** PEM of every CA certificate that is trusted. */
  readonly trustedCa: string;
  /** PKCS#8 in PEM. Never logged, never sent. */
  readonly privateKey: string;
  /** When the certificate came, by this machine's clock. */
  readonly obtainedAtMs: number;
}

const clusterIdPattern = /^[a-z0-9][a-z0-9-]{0,59}$/;

export function isClusterId(text: string): boolean {
  return clusterIdPattern.test(text);
}

/** The name that the coordinator's certificate bears, whatever address it is reached at. */
export function coordinatorName(clusterId: string): string {
  return `coordinator.${clusterId}.wombat`;
}

/** When the certificate ends, in milliseconds since 1970. */
export function notAfterMs(identity: Identity): number {
  return Date.parse(new X509Certificate(identity.certificateChain).validTo);
}

/** For how long the certificate was good when it came: its beginning may lie before that. */
export function lifeMs(identity: Identity): number {
  return notAfterMs(identity) - identity.obtainedAtMs;
}

/** From now to two thirds of its life. A clock that was set while nobody looked never makes it longer than that. */
export function untilRenewalMs(identity: Identity, nowMs: number): number {
  const dueAfterMs = (lifeMs(identity) * 2) / 3;
  return Math.max(0, Math.min(dueAfterMs, identity.obtainedAtMs + dueAfterMs - nowMs));
}

/** The URIs among a certificate's subject alternative names. */
export function uriNames(certificate: X509Certificate): readonly string[] {
  // Node quotes a name that holds a comma or a quote, so a quoted one can never pass for another.
  const names = (certificate.subjectAltName ?? '').split(', ');
  return names.filter((name) => name.startsWith('URI:')).map((name) => name.slice('URI:'.length));
}

/** @throws WombatError WO_CERTIFICATE_REFUSED unless certificate, key and names belong together */
export function checkIdentity(identity: Identity): void {
  if (!isClusterId(identity.clusterId)) throw refused('the cluster id is malformed');
  if (!isId(identity.hostId, 'host')) throw refused('the host id is malformed');
  const leaf = parseCertificate(identity.certificateChain);
  const authorities = splitPem(identity.trustedCa).map(parseCertificate);
  const name = `wombat://${identity.clusterId}/host/${identity.hostId}`;
  if (!uriNames(leaf).includes(name)) throw refused(`the certificate issued does not bear the name ${name}`);
  if (!matchesKey(leaf, identity.privateKey)) throw refused('the certificate issued is for another key');
  if (!authorities.some((authority) => leaf.checkIssued(authority) && leaf.verify(authority.publicKey))) {
    throw refused('the certificate issued is not signed by the authority that came with it');
  }
}

function matchesKey(leaf: X509Certificate, privateKey: string): boolean {
  return leaf.checkPrivateKey(createPrivateKey(privateKey));
}

function parseCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new WombatError('WO_CERTIFICATE_REFUSED', 'a certificate issued cannot be read', { cause });
  }
}

/** One text for each certificate of a PEM bundle. */
export function splitPem(bundle: string): readonly string[] {
  return bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

function refused(message: string): WombatError {
  return new WombatError('WO_CERTIFICATE_REFUSED', message);
}
