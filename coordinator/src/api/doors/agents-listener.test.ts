import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { fromServiceError, systemClock, type WombatError } from '@wombat/proto';
import {
  ArtifactServiceClient,
  ArtifactServiceService,
  EnrolmentServiceClient,
  EnrolmentServiceService,
  SessionServiceClient,
  SessionServiceService,
  type EnrolResponse,
  type SessionRequest,
  type SessionResponse,
} from '@wombat/proto/agent';
import { CertificateAuthority, coordinatorName } from '../../auth/certificate-authority.js';
import { readCertificateRequest } from '../../auth/certificate-request.js';
import type { HostIdentities } from '../../auth/host-identities.js';
import { MethodTable } from '../../auth/method-table.js';
import { ServerCertificate } from '../../auth/server-certificate.js';
import { newTestKey, openTestIdentities, type TestIdentities, type TestKey } from '../../auth/testing.js';
import { implement, type CallContext, type Service } from '../service.js';
import { AgentsListener } from './agents-listener.js';

const log = pino({ level: 'silent' });
const clusterId = 'testcluster1';

interface Opened extends TestIdentities {
  readonly listener: AgentsListener;
  readonly port: number;
  readonly contexts: CallContext[];
  readonly certificate: ServerCertificate;
}

/** Real listener, authority and store; the handlers note who called. */
async function opened(test: Test, overrides: { now?: () => number; strangerTimeoutMs?: number; sweepIntervalMs?: number; silentTimeoutMs?: number } = {}): Promise<Opened> {
  const { now, ...timeouts } = overrides;
  const clock = { ...systemClock, ...(now ? { now } : {}) };
  const base = await openTestIdentities(test, { clusterId, clock });
  const certificate = await ServerCertificate.issue({ authority: base.authority, clock: systemClock, log });
  const contexts: CallContext[] = [];
  const services = agentServices(base.identities, contexts);
  const listener = new AgentsListener({ services, table: new MethodTable(), authority: base.authority, index: base.index, certificate, log, ...timeouts });
  const { port } = await listener.listen({ host: '127.0.0.1', port: 0 });
  test.teardown(() => listener.close(200));
  return { ...base, listener, port, contexts, certificate };
}

function agentServices(identities: HostIdentities, contexts: CallContext[]): Service[] {
  const enrolment = implement(EnrolmentServiceService, {
    enrol: async (request, context) => {
      contexts.push(context);
      const enrolled = await identities.enrol({ token: request.token, csr: request.csr, peer: context.peer });
      return { clusterId, hostId: enrolled.hostId, certificate: enrolled.certificate };
    },
    renewCertificate: async (request, context) => {
      contexts.push(context);
      if (context.identity.kind !== 'host' && context.identity.kind !== 'lapsed-host') throw new Error('the table let somebody else in');
      return { certificate: await identities.renew(context.identity, request.csr) };
    },
  });
  const session = implement(SessionServiceService, {
    session: (call, context) => {
      contexts.push(context);
      call.on('data', () => call.write({ frame: { $case: 'ping', value: {} } }));
      call.on('end', () => call.end());
    },
    channel: (call) => void call.end(),
  });
  const artifacts = implement(ArtifactServiceService, {
    async *fetchArtifact() {
      yield { data: Buffer.alloc(10) };
    },
  });
  return [enrolment, session, artifacts];
}

function channelOptions(): Record<string, string | number> {
  return { 'grpc.ssl_target_name_override': coordinatorName(clusterId), 'grpc.use_local_subchannel_pool': 1, 'grpc.enable_retries': 0 };
}

interface Certified {
  readonly keyPem: string;
  readonly chainPem: string;
}

function credentialsOf(authority: CertificateAuthority, own?: Certified): ReturnType<typeof credentials.createSsl> {
  const root = Buffer.from(authority.trustedPem);
  return own ? credentials.createSsl(root, Buffer.from(own.keyPem), Buffer.from(own.chainPem)) : credentials.createSsl(root);
}

function enrolmentClient(test: Test, at: Opened, own?: Certified): EnrolmentServiceClient {
  const client = new EnrolmentServiceClient(`127.0.0.1:${at.port}`, credentialsOf(at.authority, own), channelOptions());
  test.teardown(() => client.close());
  return client;
}

function sessionClient(test: Test, at: Opened, own?: Certified): SessionServiceClient {
  const client = new SessionServiceClient(`127.0.0.1:${at.port}`, credentialsOf(at.authority, own), channelOptions());
  test.teardown(() => client.close());
  return client;
}

type Callback<T> = (error: ServiceError | null, answer: T) => void;

function asked<T>(ask: (callback: Callback<T>) => unknown): Promise<T> {
  return new Promise((resolve, reject) => ask((error, answer) => (error ? reject(fromServiceError(error)) : resolve(answer))));
}

function enrol(client: EnrolmentServiceClient, token: string, key: TestKey): Promise<EnrolResponse> {
  return asked((callback) => client.enrol({ token, csr: key.csr, agentVersion: '0.1.0', agentTime: new Date() }, callback));
}

function renew(client: EnrolmentServiceClient, key: TestKey): Promise<unknown> {
  return asked((callback) => client.renewCertificate({ csr: key.csr }, callback));
}

async function enrolled(test: Test, at: Opened, hostId = 'host-aaaaaaaaaaaa'): Promise<Certified & { hostId: string }> {
  const { text } = await at.identities.issueJoinToken({ hostId });
  const key = await newTestKey();
  const answer = await enrol(enrolmentClient(test, at), text, key);
  return { hostId: answer.hostId, keyPem: key.keyPem, chainPem: answer.certificate!.certificateChain };
}

const endOf = (stream: { on(event: 'error', listener: (error: unknown) => void): unknown }): Promise<WombatError> =>
  new Promise((resolve) => stream.on('error', (error) => resolve(fromServiceError(error))));

void t.test('without a certificate Enrol is served, and nothing else', async (test) => {
  const at = await opened(test);
  const certified = await enrolled(test, at);
  test.equal(certified.hostId, 'host-aaaaaaaaaaaa', 'enrolled over the wire');
  test.equal(at.contexts[0]?.identity.kind, 'none', 'the handler knows that it is a stranger');
  test.match(at.contexts[0]?.peer, /^127\.0\.0\.1:\d+$/, 'and where from');
  const before = at.contexts.length;
  await test.rejects(renew(enrolmentClient(test, at), await newTestKey()), { code: 'WO_UNAUTHENTICATED' }, 'RenewCertificate');
  const session = sessionClient(test, at);
  const [refusedSession, refusedChannel] = [session.session(), session.channel()];
  test.equal((await endOf(refusedSession)).code, 'WO_UNAUTHENTICATED', 'Session');
  test.equal((await endOf(refusedChannel)).code, 'WO_UNAUTHENTICATED', 'Channel');
  const artifacts = new ArtifactServiceClient(`127.0.0.1:${at.port}`, credentialsOf(at.authority), channelOptions());
  test.teardown(() => artifacts.close());
  test.equal((await endOf(artifacts.fetchArtifact({ sha256: 'a', offset: 0n }))).code, 'WO_UNAUTHENTICATED', 'FetchArtifact');
  test.equal(at.contexts.length, before, 'no handler ran');
});

void t.test('a host is known by its certificate in every call', async (test) => {
  const at = await opened(test);
  const own = await enrolled(test, at);
  await renew(enrolmentClient(test, at, own), await newTestKey());
  test.match(at.contexts.at(-1)?.identity, { kind: 'host', hostId: own.hostId, fingerprint: /^[0-9a-f]{64}$/ }, 'unary');
  const stream = sessionClient(test, at, own).session();
  const answer = new Promise<SessionResponse>((resolve) => stream.once('data', resolve));
  const frame: SessionRequest = { frame: { $case: 'beat', value: {} } };
  stream.write(frame);
  test.match(await answer, { frame: { $case: 'ping' } }, 'frames pass both ways');
  test.match(at.contexts.at(-1)?.identity, { kind: 'host', hostId: own.hostId }, 'duplex');
  stream.end();
});

void t.test('revoking cuts the live session and refuses the next, with the reason', async (test) => {
  const at = await opened(test);
  const own = await enrolled(test, at);
  const other = await enrolled(test, at, 'host-bbbbbbbbbbbb');
  const open = async (certified: Certified): Promise<ReturnType<SessionServiceClient['session']>> => {
    const stream = sessionClient(test, at, certified).session();
    const first = new Promise((resolve) => stream.once('data', resolve));
    stream.write({ frame: { $case: 'beat', value: {} } });
    await first;
    return stream;
  };
  const [mine, theirs] = [await open(own), await open(other)];
  const signal = at.contexts.find((context) => context.identity.kind === 'host' && context.identity.hostId === own.hostId)!.signal;
  const ended = endOf(mine);
  const since = performance.now();
  await at.identities.revoke(own.hostId, 'test');
  await ended;
  test.ok(performance.now() - since < 2000, 'the session ended within 2 s');
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  test.pass('the handler was told');
  const refusal = await endOf(sessionClient(test, at, own).session());
  test.match(refusal, { code: 'WO_CERTIFICATE_REFUSED', details: { reason: 'revoked' } }, 'a new connection is refused');
  const answer = new Promise((resolve) => theirs.once('data', resolve));
  theirs.write({ frame: { $case: 'beat', value: {} } });
  await answer;
  theirs.end();
  test.pass('the session of another host goes on');
});

void t.test('certificates that are not of this cluster, or not of now, reach no handler', async (test) => {
  let shift = 0;
  const at = await opened(test, { now: () => Date.now() + shift });
  const key = await newTestKey();
  const requested = await readCertificateRequest(key.csr);
  const mint = async (name: string, atMs: number, directory: string): Promise<Certified> => {
    const authority = await CertificateAuthority.load({ directory, clusterId: name, clock: { ...systemClock, now: () => Date.now() + atMs } });
    return { keyPem: key.keyPem, chainPem: (await authority.issueHostCertificate('host-aaaaaaaaaaaa', requested)).chainPem };
  };
  const dayMs = 24 * 60 * 60 * 1000;
  const { keyPem: serverKey, chainPem: serverChain } = at.certificate.current;
  const cases: [string, string, Certified][] = [
    ['another authority for the same cluster', 'untrusted', await mint(clusterId, 0, `${at.directory}/same`)],
    ['another cluster', 'untrusted', await mint('othercluster', 0, `${at.directory}/other`)],
    ['expired', 'expired', await mint(clusterId, -2 * dayMs, at.directory)],
    ['not yet valid', 'not-yet-valid', await mint(clusterId, 2 * dayMs, at.directory)],
    ['signed, but never recorded', 'unknown', await mint(clusterId, 0, at.directory)],
    ["the coordinator's own", 'untrusted', { keyPem: serverKey, chainPem: serverChain }],
  ];
  const { text } = await at.identities.issueJoinToken({ hostId: 'host-aaaaaaaaaaaa' });
  for (const [what, reason, certified] of cases) {
    const refused = enrol(enrolmentClient(test, at, certified), text, key);
    await test.rejects(refused, { code: 'WO_CERTIFICATE_REFUSED', details: { reason } }, `${what}: not even Enrol`);
  }
  test.equal(at.contexts.length, 0, 'no handler ran');
  const own = await enrolled(test, at);
  const client = enrolmentClient(test, at, own);
  await renew(client, key);
  shift = dayMs;
  await test.rejects(renew(client, key), { code: 'WO_CERTIFICATE_REFUSED', details: { reason: 'expired' } }, 'a certificate that ends while its connection is open');
});

void t.test('a session whose certificate ends is cut; a connection that never enrols too', async (test) => {
  let shift = 0;
  const at = await opened(test, { now: () => Date.now() + shift, sweepIntervalMs: 20, strangerTimeoutMs: 1000 });
  const own = await enrolled(test, at);
  const stream = sessionClient(test, at, own).session();
  const first = new Promise((resolve) => stream.once('data', resolve));
  stream.write({ frame: { $case: 'beat', value: {} } });
  await first;
  const ended = endOf(stream);
  shift = 24 * 60 * 60 * 1000;
  test.equal((await ended).code, 'WO_UNAVAILABLE', 'the session is over');
  const idle = await rawConnection(test, at, { ALPNProtocols: ['h2'] });
  await new Promise((resolve) => idle.once('close', resolve));
  test.pass('a silent stranger is cut');
});

void t.test('a renewal interrupts nothing: a connection goes on with the certificates that its host has got since', async (test) => {
  let shift = 0;
  const hourMs = 60 * 60 * 1000;
  const at = await opened(test, { now: () => Date.now() + shift, sweepIntervalMs: 20 });
  const own = await enrolled(test, at);
  const client = enrolmentClient(test, at, own);
  const stream = sessionClient(test, at, own).session();
  const answers: unknown[] = [];
  stream.on('data', (answer) => answers.push(answer));
  const said = async (): Promise<void> => {
    const before = answers.length;
    stream.write({ frame: { $case: 'beat', value: {} } });
    while (answers.length === before) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await said();
  const ended = endOf(stream);
  for (let renewal = 1; renewal <= 10; renewal += 1) {
    shift += 16 * hourMs;
    await renew(client, await newTestKey());
    await said();
  }
  test.ok(shift > 6 * 24 * hourMs, 'the connection has outlived its own certificate many times, and its record too');
  shift += 25 * hourMs;
  test.equal((await ended).code, 'WO_UNAVAILABLE', 'it is cut when the last of them has ended');
});

void t.test('a certificate of ours that is out of its time serves to get the next one, and for nothing else', async (test) => {
  let shift = 0;
  const dayMs = 24 * 60 * 60 * 1000;
  const at = await opened(test, { now: () => Date.now() + shift });
  const enrolledAt = async (atMs: number, hostId: string): Promise<Certified & { hostId: string }> => {
    shift = atMs;
    const own = await enrolled(test, at, hostId);
    shift = 0;
    return own;
  };
  const own = await enrolledAt(-7.5 * dayMs, 'host-aaaaaaaaaaaa');
  const refused = await endOf(sessionClient(test, at, own).session());
  test.match(refused, { code: 'WO_CERTIFICATE_REFUSED', details: { reason: 'expired' } }, 'it opens no session');
  const key = { keyPem: own.keyPem, csr: (await newTestKey()).csr };
  await renew(enrolmentClient(test, at, own), key);
  test.match(at.contexts.at(-1)?.identity, { kind: 'lapsed-host', hostId: own.hostId }, 'it is renewed, as the host that it names');
  await renew(enrolmentClient(test, at, own), key);
  test.pass('and once more, where the answer was lost');
  await at.identities.revoke(own.hostId, 'test');
  await test.rejects(renew(enrolmentClient(test, at, own), key), { code: 'WO_CERTIFICATE_REFUSED' }, 'not when it was revoked');

  const early = await enrolledAt(2 * dayMs, 'host-bbbbbbbbbbbb');
  const stream = sessionClient(test, at, early).session();
  const answer = new Promise((resolve) => stream.once('data', resolve));
  stream.write({ frame: { $case: 'beat', value: {} } });
  await answer;
  stream.end();
  test.pass('one that is not valid yet by the clock of the machine is known, and good');
  const late = await enrolledAt(-8.1 * dayMs, 'host-cccccccccccc');
  const handled = at.contexts.length;
  await test.rejects(renew(enrolmentClient(test, at, late), await newTestKey()), { code: 'WO_CERTIFICATE_REFUSED', details: { reason: 'expired' } }, 'seven days after its end it is too late');
  test.equal(at.contexts.length, handled, 'no handler ran');
});

function rawConnection(test: Test, at: Opened, options: ConnectionOptions, onTicket: (session: Buffer) => void = () => undefined): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port: at.port, ca: at.authority.trustedPem, servername: coordinatorName(clusterId), ...options }, () => resolve(socket));
    socket.once('error', reject);
    test.teardown(() => socket.destroy());
    // Unread bytes would keep the socket from closing.
    socket.resume();
    socket.on('session', onTicket);
  });
}

void t.test('the handshake: TLS 1.3, HTTP/2, the name of the cluster, the authority in the chain', async (test) => {
  const at = await opened(test);
  const socket = await rawConnection(test, at, { ALPNProtocols: ['h2'] });
  test.equal(socket.getProtocol(), 'TLSv1.3', 'protocol');
  test.ok(socket.authorized, 'the name of the coordinator is checked, not its address');
  const issuer = socket.getPeerCertificate(true).issuerCertificate;
  test.equal(issuer.fingerprint256.replaceAll(':', '').toLowerCase(), at.authority.sha256, 'the authority that tokens pin is presented');
  await test.rejects(rawConnection(test, at, { ALPNProtocols: ['h2'], maxVersion: 'TLSv1.2' }), 'TLS 1.2 is refused');
  await test.rejects(rawConnection(test, at, { ALPNProtocols: ['http/1.1'] }), 'HTTP/1.1 is refused');
  // Without tickets OpenSSL still hands out session ids; nothing is kept on the server under them.
  const session = await new Promise<Buffer>((resolve) => void rawConnection(test, at, { ALPNProtocols: ['h2'] }, resolve));
  const resuming = await rawConnection(test, at, { ALPNProtocols: ['h2'], session });
  test.notOk(resuming.isSessionReused(), 'no session can be resumed: every connection is verified');
});

void t.test('a renewed certificate is presented to the next connection', async (test) => {
  const at = await opened(test);
  const fingerprint = async (): Promise<string> => {
    const socket = await rawConnection(test, at, { ALPNProtocols: ['h2'] });
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  };
  const before = await fingerprint();
  await at.certificate.renew();
  test.not(await fingerprint(), before, 'another certificate');
  await enrolled(test, at);
  test.pass('and clients still trust it');
});

void t.test('messages over 1 MiB are refused, and the server lives', async (test) => {
  const at = await opened(test);
  const client = enrolmentClient(test, at);
  const big: Promise<EnrolResponse> = asked((callback) => client.enrol({ token: 'x'.repeat(1024 * 1024), csr: Buffer.alloc(0), agentVersion: '', agentTime: undefined }, callback));
  const error = await big.then(() => undefined, (reason: WombatError) => reason);
  test.match(error?.cause, { code: 8 }, 'RESOURCE_EXHAUSTED');
  test.equal(at.contexts.length, 0, 'no handler ran');
  await enrolled(test, at);
});

void t.test('garbage instead of TLS or HTTP/2 hurts nobody', async (test) => {
  const at = await opened(test);
  const garbage = connectTcp({ host: '127.0.0.1', port: at.port });
  const closed = new Promise((resolve) => garbage.once('close', resolve));
  garbage.on('error', () => undefined).resume();
  garbage.write('GET / HTTP/1.1\r\n\r\n');
  await closed;
  const socket = await rawConnection(test, at, { ALPNProtocols: ['h2'] });
  const ended = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined);
  socket.write(Buffer.alloc(1000, 0xff));
  await ended;
  await enrolled(test, at);
});

void t.test('a connection whose HTTP/2 was broken off is cut, and one host holds so many and no more', async (test) => {
  const at = await opened(test, { silentTimeoutMs: 600 });
  const own = await enrolled(test, at);
  const open = (): Promise<TLSSocket> => rawConnection(test, at, { ALPNProtocols: ['h2'], cert: own.chainPem, key: own.keyPem });
  const broken = await open();
  const ended = new Promise((resolve) => broken.once('close', resolve));
  // The preface, SETTINGS, and the head of a frame that is longer than any may be.
  broken.on('error', () => undefined).write(Buffer.from(`${Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n').toString('hex')}0000000400000000000ff0000000000001`, 'hex'));
  await ended;
  test.pass('what is silent is cut');
  const first = await open();
  const cut = new Promise((resolve) => first.on('error', () => undefined).once('close', resolve));
  const others = await Promise.all(Array.from({ length: 16 }, open));
  for (const socket of others) socket.on('error', () => undefined);
  await cut;
  test.notOk(others.at(-1)!.destroyed, 'of too many the oldest goes');
});

void t.test('closing ends calls with WO_UNAVAILABLE and frees the port', async (test) => {
  const at = await opened(test);
  const own = await enrolled(test, at);
  const stream = sessionClient(test, at, own).session(new Metadata({ waitForReady: true }));
  const first = new Promise((resolve) => stream.once('data', resolve));
  stream.write({ frame: { $case: 'beat', value: {} } });
  await first;
  const ended = endOf(stream);
  const { signal } = at.contexts.at(-1)!;
  await at.listener.close(100);
  test.match(signal.reason, { code: 'WO_UNAVAILABLE' }, 'the handler is told why');
  await ended;
  const again = new AgentsListener({ services: [], table: new MethodTable(), authority: at.authority, index: at.index, certificate: at.certificate, log });
  test.equal((await again.listen({ host: '127.0.0.1', port: at.port })).port, at.port, 'the port is free');
  const third = new AgentsListener({ services: [], table: new MethodTable(), authority: at.authority, index: at.index, certificate: at.certificate, log });
  await test.rejects(third.listen({ host: '127.0.0.1', port: at.port }), { code: 'WO_ADDRESS_IN_USE' }, 'and then it is taken');
  await again.close(10);
  await third.close(10);
});
