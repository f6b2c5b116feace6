import { randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { WombatError, type Clock } from '@wombat/proto';
import { readOrCreateAuthorityFiles, type AuthorityFiles } from './authority-files.js';
import type { RequestedKey } from './certificate-request.js';
import { sha256Hex } from './digest.js';
import { x509 } from './x509.js';

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;
const dayMs = 24 * 60 * 60 * 1000;
const authorityLifetimeMs = 3650 * dayMs;
/** Clocks of machines that have just booted may be behind. */
export const backdatingMs = 5 * 60 * 1000;

/** Of the coordinator itself. @default 7 days */
const serverLifetimeMs = 7 * dayMs;

export interface CertificateAuthorityOptions {
  /** The coordinator's directory; the authority lies in `ca/` inside. */
  readonly directory: string;
  readonly clusterId: string;
  readonly clock: Clock;
  /** Life of a host's certificate. @default 24 h */
  readonly hostLifetimeMs?: number;
}

/** A certificate that the authority has signed for a host. */
export interface HostCertificateIssued {
  /** The leaf, then the authority. */
  readonly chainPem: string;
  /** sha256 of the leaf's DER, hex. */
  readonly fingerprint: string;
  readonly notAfter: number;
}

/** What a TLS server of the coordinator presents. */
export interface ServerKeyPair {
  readonly keyPem: string;
  /** The leaf, then the authority: agents pin the authority by the sha256 of its DER. */
  readonly chainPem: string;
  readonly notAfter: number;
}

/** DNS name in every certificate of the coordinator; agents check it instead of the address. */
export function coordinatorName(clusterId: string): string {
  return `coordinator.${clusterId}.wombat`;
}

/** Name of a host in its certificate. */
export function hostUri(clusterId: string, hostId: string): string {
  return `wombat://${clusterId}/host/${hostId}`;
}

/** Signs the certificates of one cluster: those of its hosts and of the coordinator. */
export class CertificateAuthority {
  /** PEM of every authority that agents are to trust. */
  readonly trustedPem: string;
  /** sha256 of the certificate's DER, hex: what a join token pins. */
  readonly sha256: string;

  private constructor(
    private readonly options: CertificateAuthorityOptions,
    private readonly certificate: InstanceType<typeof x509.X509Certificate>,
    private readonly key: webcrypto.CryptoKey,
    /** The same in every certificate, and not cheap to make. */
    private readonly authorityKeyIdentifier: InstanceType<typeof x509.Extension>,
  ) {
    this.trustedPem = pemOf(certificate);
    this.sha256 = sha256Hex(new Uint8Array(certificate.rawData));
  }

  /**
   * Reads the authority of the directory, and makes it at first start.
   * @throws WombatError WO_KEY_UNUSABLE when it is damaged, expired, or of another cluster
   */
  static async load(options: CertificateAuthorityOptions): Promise<CertificateAuthority> {
    const directory = join(options.directory, 'ca');
    const stored = await readOrCreateAuthorityFiles(directory, () => makeAuthority(options));
    const certificate = parseCertificate(stored.certificatePem, directory);
    const key = await importKey(stored.keyPem, directory);
    await checkPair(certificate, key, options, directory);
    return new CertificateAuthority(options, certificate, key, await x509.AuthorityKeyIdentifierExtension.create(certificate.publicKey));
  }

  get notAfter(): number {
    return this.certificate.notAfter.getTime();
  }

  get clusterId(): string {
    return this.options.clusterId;
  }

  async issueHostCertificate(hostId: string, requested: RequestedKey): Promise<HostCertificateIssued> {
    const certificate = await this.sign({
      subject: hostId,
      publicKey: requested.publicKey,
      lifetimeMs: this.options.hostLifetimeMs ?? dayMs,
      usage: x509.ExtendedKeyUsage.clientAuth,
      names: [{ type: 'url', value: hostUri(this.options.clusterId, hostId) }],
    });
    return {
      chainPem: pemOf(certificate) + this.trustedPem,
      fingerprint: sha256Hex(new Uint8Array(certificate.rawData)),
      notAfter: certificate.notAfter.getTime(),
    };
  }

  /** A new key, which never touches the disk, with a certificate for the coordinator under these names. */
  async issueServerKeyPair(advertisedNames: readonly string[] = [], lifetimeMs: number = serverLifetimeMs): Promise<ServerKeyPair> {
    const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
    const names = new Set([coordinatorName(this.options.clusterId), 'localhost', '127.0.0.1', '::1', ...advertisedNames]);
    const certificate = await this.sign({
      subject: coordinatorName(this.options.clusterId),
      publicKey: keys.publicKey,
      lifetimeMs,
      usage: x509.ExtendedKeyUsage.serverAuth,
      names: [...names].map((name) => ({ type: isIP(name) === 0 ? ('dns' as const) : ('ip' as const), value: name })),
    });
    return {
      keyPem: await exportKey(keys.privateKey),
      chainPem: pemOf(certificate) + this.trustedPem,
      notAfter: certificate.notAfter.getTime(),
    };
  }

  private async sign(what: {
    subject: string;
    publicKey: webcrypto.CryptoKey;
    lifetimeMs: number;
    usage: string;
    names: readonly { type: 'dns' | 'ip' | 'url'; value: string }[];
  }): Promise<InstanceType<typeof x509.X509Certificate>> {
    const now = this.options.clock.now();
    return x509.X509CertificateGenerator.create({
      serialNumber: newSerialNumber(),
      subject: [{ CN: [what.subject] }],
      issuer: this.certificate.subjectName,
      notBefore: wholeSeconds(now - backdatingMs),
      // Nothing signed may outlive its authority.
      notAfter: wholeSeconds(Math.min(now + what.lifetimeMs, this.certificate.notAfter.getTime())),
      signingAlgorithm,
      publicKey: what.publicKey,
      signingKey: this.key,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([what.usage as x509Usage]),
        new x509.SubjectAlternativeNameExtension([...what.names]),
        this.authorityKeyIdentifier,
      ],
    });
  }
}

type x509Usage = ConstructorParameters<typeof x509.ExtendedKeyUsageExtension>[0][number];

async function makeAuthority(options: CertificateAuthorityOptions): Promise<AuthorityFiles> {
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const now = options.clock.now();
  const uri = `wombat://${options.clusterId}`;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerialNumber(),
    name: [{ CN: [uri] }],
    notBefore: wholeSeconds(now - backdatingMs),
    notAfter: wholeSeconds(now + authorityLifetimeMs),
    signingAlgorithm,
    keys: keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      new x509.SubjectAlternativeNameExtension([{ type: 'url', value: uri }]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { keyPem: await exportKey(keys.privateKey), certificatePem: pemOf(certificate) };
}

async function checkPair(
  certificate: InstanceType<typeof x509.X509Certificate>,
  key: webcrypto.CryptoKey,
  options: CertificateAuthorityOptions,
  directory: string,
): Promise<void> {
  const unusable = (why: string): WombatError => new WombatError('WO_KEY_UNUSABLE', `the certificate authority in ${directory} ${why}`);
  const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  const cluster = names.find((name) => name.type === 'url')?.value;
  if (cluster !== `wombat://${options.clusterId}`) throw unusable(`belongs to ${cluster ?? 'no cluster'}, not to wombat://${options.clusterId}`);
  if (certificate.notAfter.getTime() <= options.clock.now()) throw unusable(`has expired on ${certificate.notAfter.toISOString()}`);
  const probe = randomBytes(32);
  const signature = await webcrypto.subtle.sign(signingAlgorithm, key, probe);
  const publicKey = (await certificate.publicKey.export()) as webcrypto.CryptoKey;
  if (!(await webcrypto.subtle.verify(signingAlgorithm, publicKey, signature, probe))) throw unusable('has a key and a certificate that do not belong together');
}

function parseCertificate(pem: string, directory: string): InstanceType<typeof x509.X509Certificate> {
  try {
    return new x509.X509Certificate(pem);
  } catch (error) {
    throw new WombatError('WO_KEY_UNUSABLE', `${join(directory, 'ca.crt')} is no certificate`, { cause: error });
  }
}

async function importKey(pem: string, directory: string): Promise<webcrypto.CryptoKey> {
  try {
    return await webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(pem), keyAlgorithm, false, ['sign']);
  } catch (error) {
    throw new WombatError('WO_KEY_UNUSABLE', `${join(directory, 'ca.key')} is no private key on P-256`, { cause: error });
  }
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}

function pemOf(certificate: InstanceType<typeof x509.X509Certificate>): string {
  return `${certificate.toString('pem')}\n`;
}

/** 127 random bits, positive as DER wants it. */
function newSerialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}

/** X.509 knows whole seconds only; the stored time must be the one in the certificate. */
function wholeSeconds(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000);
}
