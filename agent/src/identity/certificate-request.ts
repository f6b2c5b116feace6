import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
const signing = { name: 'ECDSA', hash: 'SHA-256' };

/** A PKCS#10 request in DER for this key. The library is loaded here because it takes memory; see request-process.ts. */
export async function makeCertificateRequest(privateKeyPem: string): Promise<Uint8Array> {
  await import('reflect-metadata');
  const { Pkcs10CertificateRequestGenerator } = await import('@peculiar/x509');
  const privateKey = createPrivateKey(privateKeyPem);
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const keys = {
    privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
  };
  // The subject is ignored by the coordinator, which names hosts itself.
  const request = await Pkcs10CertificateRequestGenerator.create({ name: 'CN=wombat-agent', keys, signingAlgorithm: signing });
  return new Uint8Array(request.rawData);
}
