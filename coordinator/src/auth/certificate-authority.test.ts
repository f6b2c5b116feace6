import { generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto';
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { systemClock, type Clock } from '@wombat/proto';
import { CertificateAuthority } from './certificate-authority.js';
import { readCertificateRequest } from './certificate-request.js';
import { x509 } from './x509.js';

const hourMs = 60 * 60 * 1000;

async function newRequest(curve: 'P-256' | 'P-384' = 'P-256'): Promise<Buffer> {
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: curve }, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=somebody else',
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
  });
  return Buffer.from(request.rawData);
}

function load(test: Test, directory = test.testdir(), clusterId = 'testcluster1', clock: Clock = systemClock): Promise<CertificateAuthority> {
  return CertificateAuthority.load({ directory, clusterId, clock });
}

function leafAndAuthority(chainPem: string): [X509Certificate, X509Certificate] {
  const blocks = chainPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return [new X509Certificate(blocks[0]!), new X509Certificate(blocks[1]!)];
}

void t.test('the authority is made once, with a key that nobody else can read', async (test) => {
  const directory = test.testdir();
  const first = await load(test, directory);
  const second = await load(test, directory);
  test.equal(second.sha256, first.sha256, 'the second start finds the authority of the first');
  test.equal((await stat(join(directory, 'ca', 'ca.key'))).mode & 0o777, 0o600, 'mode of the key');
  test.same(await readdir(directory), ['ca'], 'nothing temporary is left');
  const certificate = new X509Certificate(first.trustedPem);
  test.equal(certificate.subjectAltName, 'URI:wombat://testcluster1', 'the certificate names the cluster');
  test.ok(certificate.ca, 'it may sign');
  const years = (new Date(certificate.validTo).getTime() - Date.now()) / (365 * 24 * hourMs);
  test.ok(years > 9.9 && years < 10.1, `it lives 10 years, not ${years}`);
  test.equal(certificate.fingerprint256.replaceAll(':', '').toLowerCase(), first.sha256, 'its sha256 is that of the DER');
});

void t.test('two first starts at once end with one authority', async (test) => {
  const directory = test.testdir();
  const all = await Promise.all(Array.from({ length: 5 }, () => load(test, directory)));
  test.equal(new Set(all.map((authority) => authority.sha256)).size, 1, 'every process has the same authority');
});

void t.test('an authority that cannot be used stops the start', async (test) => {
  const directory = test.testdir();
  await load(test, directory);
  await test.rejects(load(test, directory, 'othercluster'), { code: 'WO_KEY_UNUSABLE', message: /belongs to wombat:\/\/testcluster1/ }, 'another cluster');
  const later: Clock = { ...systemClock, now: () => Date.now() + 11 * 365 * 24 * hourMs };
  await test.rejects(load(test, directory, 'testcluster1', later), { code: 'WO_KEY_UNUSABLE', message: /expired/ }, 'expired');
  const key = join(directory, 'ca', 'ca.key');
  await chmod(key, 0o644);
  await test.rejects(load(test, directory), { code: 'WO_KEY_UNUSABLE', message: /read by others/ }, 'a key that others may read');
  await chmod(key, 0o600);
  await writeFile(key, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await test.rejects(load(test, directory), { code: 'WO_KEY_UNUSABLE', message: /do not belong together/ }, 'the key of another');
  await writeFile(key, 'garbage');
  await test.rejects(load(test, directory), { code: 'WO_KEY_UNUSABLE', message: /no private key/ }, 'no key at all');
});

void t.test('a host certificate says who the host is, and nothing that the request said', async (test) => {
  const authority = await load(test);
  const requested = await readCertificateRequest(await newRequest());
  const issued = await authority.issueHostCertificate('host-aaaaaaaaaaaa', requested);
  const [leaf, issuer] = leafAndAuthority(issued.chainPem);
  test.equal(leaf.subjectAltName, 'URI:wombat://testcluster1/host/host-aaaaaaaaaaaa', 'the name');
  test.equal(leaf.subject, 'CN=host-aaaaaaaaaaaa', 'the subject of the request is ignored');
  test.same(leaf.keyUsage, ['1.3.6.1.5.5.7.3.2'], 'a host may be a TLS client, nothing else');
  test.notOk(leaf.ca, 'a host cannot sign');
  test.ok(leaf.verify(issuer.publicKey), 'signed by the authority that follows in the chain');
  test.equal(leaf.fingerprint256.replaceAll(':', '').toLowerCase(), issued.fingerprint, 'the fingerprint');
  test.equal(new Date(leaf.validTo).getTime(), issued.notAfter, 'the end that is told is the end in the certificate');
  const life = issued.notAfter - Date.now();
  test.ok(Math.abs(life - 24 * hourMs) < 10_000, `lives 24 h, not ${life} ms`);
  const since = Date.now() - new Date(leaf.validFrom).getTime();
  test.ok(since >= 5 * 60_000 - 1000 && since < 5 * 60_000 + 10_000, `back-dated by 5 min, not ${since} ms`);
});

void t.test('the certificate of the coordinator has its own name, whatever the address', async (test) => {
  const authority = await load(test);
  const pair = await authority.issueServerKeyPair(['wombat.example.org', '192.0.2.7']);
  const [leaf, issuer] = leafAndAuthority(pair.chainPem);
  for (const name of ['coordinator.testcluster1.wombat', 'localhost', 'wombat.example.org']) test.ok(leaf.checkHost(name), `names ${name}`);
  for (const address of ['127.0.0.1', '192.0.2.7']) test.ok(leaf.checkIP(address), `names ${address}`);
  test.same(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1'], 'it cannot be used as a host');
  test.equal(issuer.fingerprint256.replaceAll(':', '').toLowerCase(), authority.sha256, 'the authority that agents pin is in the chain');
});

void t.test('only requests on P-256 that are signed by their own key pass', async (test) => {
  const good = await newRequest();
  const tampered = Buffer.from(good);
  tampered[tampered.length - 5]! ^= 0xff;
  const otherSubject = Buffer.from(good);
  otherSubject[otherSubject.indexOf('somebody')]! ^= 0x01;
  const refused: [string, Buffer][] = [
    ['empty', Buffer.alloc(0)],
    ['garbage', Buffer.from('garbage')],
    ['too long', Buffer.concat([good, Buffer.alloc(4096)])],
    ['on P-384', await newRequest('P-384')],
    ['with a wrong signature', tampered],
    ['changed after it was signed', otherSubject],
    ['an RSA key', await rsaRequest()],
  ];
  for (const [what, der] of refused) await test.rejects(readCertificateRequest(der), { code: 'WO_CSR_INVALID' }, what);
  const first = await readCertificateRequest(good);
  test.match(first.publicKeySha256, /^[0-9a-f]{64}$/, 'the hash of the key');
  test.equal((await readCertificateRequest(good)).publicKeySha256, first.publicKeySha256, 'is the same each time');
  test.not((await readCertificateRequest(await newRequest())).publicKeySha256, first.publicKeySha256, 'and another one for another key');
});

async function rsaRequest(): Promise<Buffer> {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 2048 };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: 'CN=x', keys, signingAlgorithm: algorithm });
  return Buffer.from(request.rawData);
}

void t.test('the files are what other programs expect', async (test) => {
  const directory = test.testdir();
  const authority = await load(test, directory);
  test.equal(await readFile(join(directory, 'ca', 'ca.crt'), 'utf8'), authority.trustedPem, 'ca.crt is what agents and operators are to trust');
});
