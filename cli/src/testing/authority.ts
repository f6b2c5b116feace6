import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { webcrypto } from 'node:crypto';

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;

export interface TestCertificates {
  readonly caPem: string;
  readonly keyPem: string;
  readonly certificatePem: string;
}

/** A certificate authority of a cluster and a server certificate for its coordinator, as the real one makes them. */
export async function makeCertificates(clusterId: string, serverName = `coordinator.${clusterId}.wombat`): Promise<TestCertificates> {
  x509.cryptoProvider.set(webcrypto);
  const times = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 365 * 86_400_000) };
  const caKeys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...times, name: `CN=Wombat ${clusterId}`, keys: caKeys, signingAlgorithm, serialNumber: '01',
    extensions: [new x509.BasicConstraintsExtension(true, 0, true), new x509.SubjectAlternativeNameExtension([{ type: 'url', value: `wombat://${clusterId}` }])],
  });
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    ...times, subject: `CN=${serverName}`, issuer: ca.subject, publicKey: keys.publicKey, signingKey: caKeys.privateKey, signingAlgorithm, serialNumber: '02',
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: serverName }])],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const keyPem = `-----BEGIN PRIVATE KEY-----\n${pkcs8.match(/.{1,64}/g)!.join('\n')}\n-----END PRIVATE KEY-----\n`;
  return { caPem: ca.toString('pem'), certificatePem: certificate.toString('pem'), keyPem };
}
