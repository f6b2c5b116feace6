import t from 'tap';
import { limits, WombatError } from '@wombat/proto';
import type { EnrolRequest, EnrolResponse, FetchArtifactRequest, FetchArtifactResponse, IssuedCertificate, RenewCertificateRequest, RenewCertificateResponse } from '@wombat/proto/agent';
import type { CallContext, ServerStreamHandler, UnaryHandler } from '../../api/service.js';
import type { Identity } from '../../auth/identity.js';
import { artifactService, type ArtifactBlobs } from './artifact-service.js';
import { enrolmentService, type EnrolmentAttempt, type HostEnroller } from './enrolment-service.js';

const host: Identity = { kind: 'host', hostId: 'host-aaaaaaaaaaaa', fingerprint: 'f' };
const nobody: Identity = { kind: 'none' };
const contextOf = (identity: Identity, signal = new AbortController().signal): CallContext => ({ identity, signal, peer: '127.0.0.1:9' });

const certificate: IssuedCertificate = { certificateChain: 'chain', trustedCa: 'ca', notAfter: new Date(1), coordinatorTime: new Date(0) };

class RecordingEnroller implements HostEnroller {
  readonly attempts: EnrolmentAttempt[] = [];
  readonly renewals: string[] = [];

  enrol(attempt: EnrolmentAttempt): Promise<{ hostId: string; certificate: IssuedCertificate }> {
    this.attempts.push(attempt);
    return Promise.resolve({ hostId: 'host-bbbbbbbbbbbb', certificate });
  }

  renew({ hostId }: { hostId: string }): Promise<IssuedCertificate> {
    this.renewals.push(hostId);
    return Promise.resolve(certificate);
  }
}

void t.test('Enrol', async (t) => {
  const hosts = new RecordingEnroller();
  const enrol = enrolmentService(hosts, 'cluster-1').handlers.enrol as UnaryHandler<EnrolRequest, EnrolResponse>;
  const csr = Buffer.from('csr');
  const answer = await enrol({ token: 'wo1.x', csr, agentVersion: '0.1.0\u001b[1m', agentTime: new Date(5) }, contextOf(nobody));
  t.same(answer, { clusterId: 'cluster-1', hostId: 'host-bbbbbbbbbbbb', certificate });
  t.match(hosts.attempts, [{ token: 'wo1.x', csr, agentVersion: '0.1.0', agentTime: new Date(5), peer: '127.0.0.1:9' }]);
  await t.rejects(enrol({ token: 't', csr: Buffer.alloc(limits.csrBytes + 1), agentVersion: '', agentTime: undefined }, contextOf(nobody)), { code: 'WO_CSR_INVALID' });
  await t.rejects(enrol({ token: 't', csr: Buffer.alloc(0), agentVersion: '', agentTime: undefined }, contextOf(nobody)), { code: 'WO_CSR_INVALID' });
  await t.rejects(enrol({ token: 't'.repeat(1_000), csr, agentVersion: '', agentTime: undefined }, contextOf(nobody)), { code: 'WO_TOKEN_MALFORMED' });
  t.equal(hosts.attempts.length, 1, 'what is malformed goes no further');
});

void t.test('RenewCertificate', async (t) => {
  const hosts = new RecordingEnroller();
  const renew = enrolmentService(hosts, 'cluster-1').handlers.renewCertificate as UnaryHandler<RenewCertificateRequest, RenewCertificateResponse>;
  t.same(await renew({ csr: Buffer.from('csr') }, contextOf(host)), { certificate });
  t.same(hosts.renewals, ['host-aaaaaaaaaaaa'], 'for the host of the certificate');
  await t.rejects(renew({ csr: Buffer.from('csr') }, contextOf(nobody)), { code: 'WO_UNAUTHENTICATED' });
});

void t.test('FetchArtifact', async (t) => {
  const sha256 = 'ab'.repeat(32);
  const file = Buffer.alloc(limits.artifactChunkBytes * 2 + 100, 'wombat');
  let pulled = 0;
  const blobs: ArtifactBlobs = {
    async *open(_: string, offset: number) {
      pulled += 1;
      yield file.subarray(offset);
      pulled += 1;
      yield Buffer.from('tail');
    },
  };
  const fetch = artifactService(blobs).handlers.fetchArtifact as ServerStreamHandler<FetchArtifactRequest, FetchArtifactResponse>;
  const read = async (request: FetchArtifactRequest, context: CallContext): Promise<Uint8Array[]> => {
    const chunks: Uint8Array[] = [];
    for await (const { data } of fetch(request, context)) chunks.push(data);
    return chunks;
  };

  const chunks = await read({ sha256, offset: 50n }, contextOf(host));
  t.ok(chunks.every((chunk) => chunk.length <= limits.artifactChunkBytes), 'chunks keep within 256 KiB');
  t.ok(Buffer.concat(chunks).equals(Buffer.concat([file.subarray(50), Buffer.from('tail')])), 'the bytes from the offset on');

  pulled = 0;
  const iterator = fetch({ sha256, offset: 0n }, contextOf(host))[Symbol.asyncIterator]();
  await iterator.next();
  await iterator.next();
  t.equal(pulled, 1, 'the store is read as the wire takes it');
  await iterator.return?.();

  const controller = new AbortController();
  const aborted = fetch({ sha256, offset: 0n }, contextOf(host, controller.signal))[Symbol.asyncIterator]();
  await aborted.next();
  controller.abort(new WombatError('WO_CANCELLED', 'gone'));
  await t.rejects(aborted.next(), { code: 'WO_CANCELLED' });

  for (const wrong of ['', 'AB'.repeat(32), '../../etc/passwd', `${sha256}/x`]) {
    await t.rejects(read({ sha256: wrong, offset: 0n }, contextOf(host)), { code: 'WO_INVALID_ARGUMENT' }, `"${wrong}"`);
  }
  await t.rejects(read({ sha256, offset: 2n ** 60n }, contextOf(host)), { code: 'WO_INVALID_ARGUMENT' });
  await t.rejects(read({ sha256, offset: 0n }, contextOf(nobody)), { code: 'WO_UNAUTHENTICATED' });
});
