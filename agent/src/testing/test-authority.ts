// @peculiar/x509 wants this polyfill before it is loaded.
import 'reflect-metadata';
import { createHash, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;

export interface TestKeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface TestName {
  readonly type: 'dns' | 'ip' | 'url';
  readonly value: string;
}

export interface SignOptions {
  readonly names: readonly TestName[];
  readonly notBeforeMs?: number;
  /** @default 1 h */
  readonly lifetimeMs?: number;
}

/** A certificate authority like the coordinator's, for tests and benchmarks. */
export class TestAuthority {
  private constructor(readonly clusterId: string, readonly certificate: string, readonly sha256: string, private readonly issuer: x509.X509Certificate, private readonly keys: webcrypto.CryptoKeyPair) {}

  static async create(clusterId: string): Promise<TestAuthority> {
    const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: `CN=test authority ${clusterId}`,
      keys,
      signingAlgorithm,
      notBefore: new Date(Date.now() - 3_600_000),
      notAfter: new Date(Date.now() + 24 * 3_600_000),
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
        new x509.SubjectAlternativeNameExtension([{ type: 'url', value: `wombat://${clusterId}` }]),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    const sha256 = createHash('sha256').update(new Uint8Array(certificate.rawData)).digest('hex');
    return new TestAuthority(clusterId, certificate.toString('pem'), sha256, certificate, keys);
  }

  /** A certificate for the coordinator, the authority behind it. */
  async coordinator(dnsName = `coordinator.${this.clusterId}.wombat`, life: Omit<SignOptions, 'names'> = {}): Promise<TestKeyPair> {
    const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
    const leaf = await this.sign(keys.publicKey, { ...life, names: [{ type: 'dns', value: dnsName }] });
    const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
    return { certificate: `${leaf}\n${this.certificate}`, key };
  }

  /** Signs a host's request; answers the chain in PEM. */
  async host(csr: Uint8Array, hostId: string, life: Omit<SignOptions, 'names'> = {}): Promise<string> {
    const request = new x509.Pkcs10CertificateRequest(new Uint8Array(csr));
    if (!(await request.verify())) throw new Error('the request is not signed by its own key');
    const publicKey = await request.publicKey.export(keyAlgorithm, ['verify']);
    return this.sign(publicKey as webcrypto.CryptoKey, { ...life, names: [{ type: 'url', value: `wombat://${this.clusterId}/host/${hostId}` }] });
  }

  async sign(publicKey: webcrypto.CryptoKey, { names, notBeforeMs = Date.now() - 60_000, lifetimeMs = 3_600_000 }: SignOptions): Promise<string> {
    const certificate = await x509.X509CertificateGenerator.create({
      subject: 'CN=test',
      issuer: this.issuer.subject,
      notBefore: new Date(notBeforeMs),
      notAfter: new Date(notBeforeMs + lifetimeMs),
      publicKey,
      signingKey: this.keys.privateKey,
      signingAlgorithm,
      extensions: [new x509.SubjectAlternativeNameExtension([...names])],
    });
    return certificate.toString('pem');
  }
}
