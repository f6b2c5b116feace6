import { Client, credentials, Metadata, status, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { fromServiceError, systemClock, WombatError } from '@wombat/proto';
import {
  EventServiceClient,
  EventServiceService,
  ReleaseServiceClient,
  ReleaseServiceService,
  SystemServiceClient,
  SystemServiceService,
  type FollowEventsResponse,
  type GetVersionResponse,
  type UploadArtifactResponse,
} from '@wombat/proto/control';
import { CertificateAuthority, coordinatorName } from '../../auth/certificate-authority.js';
import { MethodTable } from '../../auth/method-table.js';
import type { OperatorGateOptions } from '../../auth/operator-gate.js';
import { openTestOperators, type TestOperators } from '../../auth/testing.js';
import { ServerCertificate } from '../../auth/server-certificate.js';
import { openSqliteStore } from '../../store/sqlite/open.js';
import { HealthService } from '../health/health-service.js';
import { implement, type CallContext, type Service } from '../service.js';
import { ControlListener } from './control-listener.js';

type Handle = {
  getVersion: (context: CallContext) => Promise<GetVersionResponse>;
  follow: (context: CallContext) => AsyncIterable<FollowEventsResponse>;
  upload: (requests: AsyncIterable<unknown>) => Promise<UploadArtifactResponse>;
};

const version: GetVersionResponse = { version: '0.1.0', clusterId: 'testcluster1', agents: {}, nodeVersion: process.version, time: new Date(0) };
const unused = (): never => {
  throw new Error('not part of this test');
};

function servicesOf(handle: Partial<Handle>): Service[] {
  return [
    implement(SystemServiceService, {
      getVersion: (_, context) => handle.getVersion?.(context) ?? Promise.resolve(version),
      listPlugins: unused,
      diagnose: unused,
      createBackup: unused,
    }),
    implement(EventServiceService, { listEvents: unused, followEvents: (_, context) => (handle.follow ?? unused)(context) }),
    implement(ReleaseServiceService, {
      uploadArtifact: (requests) => (handle.upload ?? unused)(requests),
      createRelease: unused,
      listReleases: unused,
      getRelease: unused,
      removeRelease: unused,
    }),
  ];
}

interface Limits extends Partial<Pick<OperatorGateOptions, 'calls' | 'failures'>> {
  readonly maximumCallsOfOneToken?: number;
}

interface Opened {
  readonly listener: ControlListener;
  readonly people: TestOperators;
  readonly address: string;
  readonly authority: CertificateAuthority;
  readonly token: string;
  readonly logged: string[];
}

async function opened(test: Test, handle: Partial<Handle> = {}, admissionTimeoutMs = 10_000, limits: Limits = {}): Promise<Opened> {
  const directory = test.testdir();
  const store = await openSqliteStore({ file: join(directory, 'wombat.db'), clock: systemClock });
  test.teardown(() => store.close());
  const people = await openTestOperators(test, store, directory, limits);
  const authority = await CertificateAuthority.load({ directory, clusterId: 'testcluster1', clock: systemClock });
  const logged: string[] = [];
  const log = pino({}, { write: (line) => void logged.push(line) });
  const certificate = await ServerCertificate.issue({ authority, clock: systemClock, log });
  const listener = new ControlListener({ services: servicesOf(handle), table: new MethodTable(), operators: people.operators, gate: people.gate, certificate, log, admissionTimeoutMs, libraryServices: new HealthService([]).services, ...limits });
  const { port } = await listener.listen({ host: '127.0.0.1', port: 0 });
  test.teardown(() => listener.close(200));
  const token = (await readFile(people.operators.firstTokenFile, 'utf8')).trim();
  return { listener, people, address: `127.0.0.1:${port}`, authority, token, logged };
}

function client<C extends { close(): void }>(
  test: Test,
  at: Opened,
  Client: new (address: string, channelCredentials: ReturnType<typeof credentials.createSsl>, options: Record<string, string | number>) => C,
): C {
  const made = new Client(at.address, credentials.createSsl(Buffer.from(at.authority.trustedPem)), {
    'grpc.ssl_target_name_override': coordinatorName('testcluster1'),
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
  });
  test.teardown(() => made.close());
  return made;
}

function bearer(token: string): Metadata {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

function asked<T>(ask: (callback: (error: ServiceError | null, answer: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => ask((error, answer) => (error ? reject(fromServiceError(error)) : resolve(answer))));
}

void t.test('an operator is known by the token in each call', async (test) => {
  const contexts: CallContext[] = [];
  const at = await opened(test, {
    getVersion: async (context) => {
      contexts.push(context);
      return version;
    },
  });
  const system = client(test, at, SystemServiceClient);
  const ask = (metadata: Metadata): Promise<GetVersionResponse> => asked((callback) => system.getVersion({}, metadata, callback));
  test.same(await ask(bearer(at.token)), version, 'answered');
  test.match(contexts[0]?.identity, { kind: 'operator', name: 'operator' }, 'the handler knows who asks');
  const refused: [string, Metadata][] = [
    ['without a token', new Metadata()],
    ['with another token', bearer(`wop1.${'A'.repeat(43)}`)],
    ['with another scheme', new Metadata()],
  ];
  refused[2]![1].set('authorization', at.token);
  for (const [what, metadata] of refused) await test.rejects(ask(metadata), { code: 'WO_UNAUTHENTICATED' }, what);
  const exec = await at.people.issue('exec only', ['exec']);
  await test.rejects(ask(bearer(exec.text)), { code: 'WO_PERMISSION_DENIED', details: { permission: 'read' } }, 'without the permission');
  test.equal(contexts.length, 1, 'no handler ran for those');
  test.notMatch(at.logged.join(''), at.token, 'the log does not have the token');
});

void t.test('errors cross the wire by the catalogue, what was not foreseen stays inside', async (test) => {
  const failures: Record<string, () => Promise<never>> = {
    known: () => Promise.reject(new WombatError('WO_CONFLICT', 'the family has moved', { details: { revision: '7' }, cause: new Error('canary-cause') })),
    unknown: () => Promise.reject(new Error('canary-password in /etc/shadow')),
    thrown: () => {
      throw new TypeError('canary-thrown');
    },
  };
  let kind = '';
  const at = await opened(test, { getVersion: () => failures[kind]!() });
  const system = client(test, at, SystemServiceClient);
  const fail = async (which: string): Promise<WombatError> => {
    kind = which;
    return asked((callback) => system.getVersion({}, bearer(at.token), callback)).then(unused, (error: WombatError) => error);
  };
  const known = await fail('known');
  test.match(known, { code: 'WO_CONFLICT', message: 'the family has moved', details: { revision: '7' } }, 'code, message and details');
  for (const which of ['unknown', 'thrown']) {
    const error = await fail(which);
    test.equal(error.code, 'WO_INTERNAL', which);
    test.notMatch(JSON.stringify([error.message, error.hint, error.details]), 'canary', `${which}: the caller sees nothing of it`);
    const line = at.logged.find((entry) => entry.includes(error.details['reference']!));
    test.match(line, 'canary', `${which}: the log has it under the reference`);
  }
});

void t.test('a stream writes no faster than it is read, and ends when the caller goes', async (test) => {
  let produced = 0;
  let whenEnded: (reason: unknown) => void = () => undefined;
  const ended = new Promise<unknown>((resolve) => (whenEnded = resolve));
  const event = (sequence: bigint): FollowEventsResponse => ({
    event: {
      sequence, time: new Date(0), type: 'x', subjectId: '', subjectName: '', operationId: '', familyId: '', hostId: '', nodeId: '', reason: '',
      message: 'm'.repeat(64 * 1024), payload: '', payloadVersion: 0,
    },
  });
  const at = await opened(test, {
    async *follow(context) {
      context.signal.addEventListener('abort', () => whenEnded(context.signal.reason));
      for (;;) yield event(BigInt((produced += 1)));
    },
  });
  const stream = client(test, at, EventServiceClient).followEvents({ afterSequence: undefined, filter: undefined }, bearer(at.token));
  stream.on('error', () => undefined);
  await new Promise((resolve) => stream.once('readable', resolve));
  // Turns of the event loop until nothing more is produced: the reader has not read anything.
  for (let last = -1; last !== produced; ) {
    last = produced;
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
  test.ok(produced < 200, `the handler was held back: ${produced} messages of 64 KiB`);
  stream.cancel();
  test.match(await ended, { code: 'WO_CANCELLED' }, 'the handler is told that the caller is gone');
});

void t.test('a deadline of the caller fires the signal as such', async (test) => {
  let whenAborted: (reason: unknown) => void = () => undefined;
  const aborted = new Promise<unknown>((resolve) => (whenAborted = resolve));
  const at = await opened(test, {
    getVersion: (context) =>
      new Promise((_, reject) => {
        context.signal.addEventListener('abort', () => {
          whenAborted(context.signal.reason);
          reject(context.signal.reason as Error);
        });
      }),
  });
  const system = client(test, at, SystemServiceClient);
  const call = asked((callback) => system.getVersion({}, bearer(at.token), { deadline: Date.now() + 1000 }, callback));
  await test.rejects(call, { code: 'WO_DEADLINE_EXCEEDED' }, 'the caller');
  test.match(await aborted, { code: /WO_DEADLINE_EXCEEDED|WO_CANCELLED/ }, 'the handler');
});

void t.test('a client stream is an iterable, whole or broken off', async (test) => {
  let whenBroken: (error: unknown) => void = () => undefined;
  const broken = new Promise<unknown>((resolve) => (whenBroken = resolve));
  let received = 0;
  let onFirst: () => void = () => undefined;
  const at = await opened(test, {
    upload: async (requests) => {
      received = 0;
      try {
        for await (const request of requests) {
          received += (request as { kind?: unknown }).kind === undefined ? 0 : 1;
          onFirst();
        }
      } catch (error) {
        whenBroken(error);
        throw error;
      }
      return { sha256: 'a', sizeBytes: BigInt(received), existed: false };
    },
  });
  const releases = client(test, at, ReleaseServiceClient);
  const whole = asked<UploadArtifactResponse>((callback) => {
    const call = releases.uploadArtifact(bearer(at.token), callback);
    for (let index = 0; index < 10; index += 1) call.write({ kind: { $case: 'data', value: Buffer.alloc(100 * 1024) } });
    call.end();
  });
  test.equal((await whole).sizeBytes, 10n, 'ten messages');
  const first = new Promise<void>((resolve) => (onFirst = resolve));
  const cut = asked<UploadArtifactResponse>((callback) => {
    const call = releases.uploadArtifact(bearer(at.token), callback);
    call.write({ kind: { $case: 'data', value: Buffer.alloc(10) } });
    void first.then(() => call.cancel());
  });
  await test.rejects(cut, { code: 'WO_CANCELLED' }, 'the caller');
  test.match(await broken, { code: 'WO_CANCELLED' }, 'the handler does not take half an upload for a whole one');
});

/** Waits for ever, until its signal fires. */
async function* endless(context: CallContext): AsyncGenerator<FollowEventsResponse> {
  yield { event: undefined };
  await new Promise((_, reject) => context.signal.addEventListener('abort', () => reject(context.signal.reason as Error)));
}

function ended(stream: ClientReadableStream<unknown>): Promise<WombatError> {
  return new Promise((resolve, reject) => {
    stream.on('error', (error) => resolve(fromServiceError(error))).on('end', () => reject(new Error('the stream ended well'))).resume();
  });
}

void t.test('a token that is revoked or expires takes its streams with it, of libraries too; others stay', async (test) => {
  const at = await opened(test, { follow: endless });
  const events = client(test, at, EventServiceClient);
  const health = client(test, at, Client);
  const follow = (token: string): ClientReadableStream<unknown> => events.followEvents({ afterSequence: undefined, filter: undefined }, bearer(token));
  const watch = (token: string): ClientReadableStream<unknown> => health.makeServerStreamRequest('/grpc.health.v1.Health/Watch', () => Buffer.alloc(0), (bytes: Buffer) => bytes, {}, bearer(token));
  const [revoked, expiring] = [await at.people.issue('ada', ['read']), await at.people.issue('bob', ['read'], Date.now() + 1_500)];
  const stays = follow(at.token);
  const [one, two, three] = [follow(revoked.text), watch(revoked.text), follow(expiring.text)];
  const ends = [ended(one), ended(two), ended(three)] as const;
  await Promise.all([one, two, three, stays].map((stream) => new Promise((resolve) => stream.once('data', resolve))));
  const since = Date.now();
  await at.people.revoke(revoked.id);
  test.match(await ends[0], { code: 'WO_UNAUTHENTICATED', message: 'the token of ada was revoked' }, 'a stream of ours');
  test.match(await ends[1], { code: 'WO_UNAUTHENTICATED' }, 'a stream of a library');
  test.ok(Date.now() - since < 2_000, `both within two seconds: ${Date.now() - since} ms`);
  test.match(await ends[2], { code: 'WO_UNAUTHENTICATED', message: 'the token of bob has expired' }, 'an expired token');
  test.notOk(stays.destroyed, 'another operator goes on');
  stays.on('error', () => undefined).cancel();
});

void t.test('calls with one token are limited in rate and number, each token for itself', async (test) => {
  const at = await opened(test, { follow: endless }, 10_000, { calls: { perSecond: 0.01, burst: 4 }, maximumCallsOfOneToken: 2 });
  const system = client(test, at, SystemServiceClient);
  const events = client(test, at, EventServiceClient);
  const ask = (token: string): Promise<GetVersionResponse> => asked((callback) => system.getVersion({}, bearer(token), callback));
  const streams = [1, 2].map(() => events.followEvents({ afterSequence: undefined, filter: undefined }, bearer(at.token)));
  for (const stream of streams) {
    stream.on('error', () => undefined);
    await new Promise((resolve) => stream.once('data', resolve));
  }
  await test.rejects(ask(at.token), { code: 'WO_RATE_LIMITED', message: /more than 2 calls/ }, 'a third at a time');
  for (const stream of streams) await new Promise((resolve) => stream.once('close', resolve).cancel());
  while (!(await ask(at.token).then(() => true, ({ message }: WombatError) => !message.includes('more than 2')))) await new Promise((resolve) => setImmediate(resolve));
  await test.rejects(ask(at.token), { code: 'WO_RATE_LIMITED', message: /calls with the token of operator/, details: { retryAfterMs: /^\d+$/ } }, 'the burst is used up');
  test.same(await ask((await at.people.issue('ada', ['read'])).text), version, 'another token has its own');
});

void t.test('a message that is refused before any handler leaves no call behind', async (test) => {
  const at = await opened(test, {}, 10_000, { maximumCallsOfOneToken: 1 });
  const generic = client(test, at, Client);
  const ask = (bytes: number): Promise<Buffer> =>
    asked((callback) => generic.makeUnaryRequest('/wombat.control.v1.SystemService/GetVersion', () => Buffer.alloc(bytes), (answer: Buffer) => answer, {}, bearer(at.token), (error, answer) => callback(error as ServiceError | null, answer!)));
  for (let round = 0; round < 3; round += 1) {
    await test.rejects(ask(2 * 1024 * 1024), { cause: { code: status.RESOURCE_EXHAUSTED } }, 'two MiB are more than a message may have');
    test.ok(await ask(0), 'the next call is the only one');
  }
});

void t.test('failed authentications are limited for each address, and keep nobody out who has a token', async (test) => {
  const at = await opened(test, {}, 10_000, { failures: { perSecond: 0.01, burst: 3 } });
  const system = client(test, at, SystemServiceClient);
  const ask = (token: string): Promise<unknown> => asked((callback) => system.getVersion({}, bearer(token), callback));
  const codes: string[] = [];
  for (let attempt = 0; attempt < 5; attempt += 1) await ask(`wop1.${'A'.repeat(43)}`).catch(({ code }: WombatError) => codes.push(code));
  test.same(codes, ['WO_UNAUTHENTICATED', 'WO_UNAUTHENTICATED', 'WO_UNAUTHENTICATED', 'WO_RATE_LIMITED', 'WO_RATE_LIMITED'], 'three tries');
  test.same(await ask(at.token), version, 'the operator at the same address comes in');
});

void t.test('a connection on which nobody proves who he is, is cut; the others stay', async (test) => {
  const at = await opened(test, {}, 1000);
  const system = client(test, at, SystemServiceClient);
  const ask = (): Promise<GetVersionResponse> => asked((callback) => system.getVersion({}, bearer(at.token), callback));
  await ask();
  const [host, port] = at.address.split(':') as [string, string];
  const idle = connect({ host, port: Number(port), ca: at.authority.trustedPem, servername: 'localhost', ALPNProtocols: ['h2'] });
  idle.on('error', () => undefined).resume();
  await new Promise((resolve) => idle.once('close', resolve));
  test.same(await ask(), version, 'the connection of the operator, which is older, still serves');
});
