import { readFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { systemClock, WombatError } from '@wombat/proto';
import {
  EventServiceService,
  FamilyServiceService,
  JobServiceService,
  ReleaseServiceService,
  type CreateJobRequest,
  type DeployNodesRequest,
  type FollowEventsRequest,
  type FollowEventsResponse,
} from '@wombat/proto/control';
import { CertificateAuthority } from '../../auth/certificate-authority.js';
import { MethodTable } from '../../auth/method-table.js';
import type { OperatorGateOptions } from '../../auth/operator-gate.js';
import { openTestOperators, type TestOperators } from '../../auth/testing.js';
import { ServerCertificate } from '../../auth/server-certificate.js';
import { openSqliteStore } from '../../store/sqlite/open.js';
import { implement, type CallContext, type Service } from '../service.js';
import { HttpListener } from './http-listener.js';

interface Handle {
  deploy: (request: DeployNodesRequest, context: CallContext) => Promise<{ operation: undefined }>;
  createJob: (request: CreateJobRequest) => Promise<{ job: undefined }>;
  follow: (request: FollowEventsRequest, context: CallContext) => AsyncIterable<FollowEventsResponse>;
  list: () => Promise<{ events: []; lastSequence: bigint }>;
}

const unused = (): never => {
  throw new Error('canary: not part of this test');
};

function servicesOf(handle: Partial<Handle>): Service[] {
  const [families, jobs, releases] = [FamilyServiceService, JobServiceService, ReleaseServiceService].map((definition) =>
    Object.fromEntries(Object.keys(definition).map((name) => [name, unused])),
  );
  return [
    implement(FamilyServiceService, { ...(families as never as Parameters<typeof implement<typeof FamilyServiceService>>[1]), deployNodes: handle.deploy ?? unused }),
    implement(JobServiceService, { ...(jobs as never as Parameters<typeof implement<typeof JobServiceService>>[1]), createJob: handle.createJob ?? unused }),
    implement(ReleaseServiceService, releases as never),
    implement(EventServiceService, { listEvents: handle.list ?? unused, followEvents: handle.follow ?? unused }),
  ];
}

interface Limits extends Partial<Pick<OperatorGateOptions, 'calls' | 'failures'>> {
  readonly maximumCallsOfOneToken?: number;
  readonly headersTimeoutMs?: number;
}

interface Opened {
  readonly listener: HttpListener;
  readonly people: TestOperators;
  readonly port: number;
  readonly token: string;
  readonly authority: CertificateAuthority;
  readonly certificate: ServerCertificate;
  readonly logged: string[];
}

async function opened(test: Test, handle: Partial<Handle> = {}, { tls, ...limits }: { tls?: boolean } & Limits = {}): Promise<Opened> {
  const directory = test.testdir();
  const store = await openSqliteStore({ file: join(directory, 'wombat.db'), clock: systemClock });
  test.teardown(() => store.close());
  const people = await openTestOperators(test, store, directory, limits);
  const logged: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line) => void logged.push(line) });
  const authority = await CertificateAuthority.load({ directory, clusterId: 'testcluster1', clock: systemClock });
  const certificate = await ServerCertificate.issue({ authority, clock: systemClock, log });
  const listener = new HttpListener({ services: servicesOf(handle), table: new MethodTable(), operators: people.operators, gate: people.gate, log, ...(tls ? { certificate } : {}), ...limits });
  const { port } = await listener.listen({ host: '127.0.0.1', port: 0 });
  test.teardown(() => listener.close(200));
  const token = (await readFile(people.operators.firstTokenFile, 'utf8')).trim();
  return { listener, people, port, token, authority, certificate, logged };
}

interface Asked {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

interface Ask {
  readonly method?: string;
  readonly body?: unknown;
  readonly raw?: string;
  readonly headers?: Record<string, string>;
  readonly token?: string | undefined;
}

function begin(at: Opened, path: string, ask: Ask): Promise<IncomingMessage> {
  const body = ask.raw ?? (ask.body === undefined ? undefined : JSON.stringify(ask.body));
  const token = 'token' in ask ? ask.token : at.token;
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      host: '127.0.0.1',
      port: at.port,
      path,
      agent: false,
      method: ask.method ?? 'POST',
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...ask.headers,
      },
    });
    request.on('response', resolve).on('error', reject).end(body);
  });
}

async function asked(at: Opened, path: string, ask: Ask = {}): Promise<Asked> {
  const response = await begin(at, path, ask);
  let text = '';
  for await (const chunk of response) text += String(chunk);
  const isJson = response.headers['content-type']?.startsWith('application/json') ?? false;
  return { status: response.statusCode!, headers: response.headers, text, json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {} };
}

const event = (sequence: bigint): FollowEventsResponse => ({
  event: {
    sequence, time: new Date('2026-01-02T03:04:05.678Z'), type: 'node.phase', subjectId: 'node-a', subjectName: 'a', operationId: '', familyId: '', hostId: '', nodeId: '',
    reason: '', message: 'line\nbreak', payload: '{}', payloadVersion: 1,
  },
});

void t.test('a method over HTTP: the same handler, with numbers, durations and the identity as over gRPC', async (test) => {
  const seen: [DeployNodesRequest, CallContext][] = [];
  const at = await opened(test, {
    deploy: async (request, context) => {
      seen.push([request, context]);
      return { operation: undefined };
    },
    list: async () => ({ events: [], lastSequence: 18_446_744_073_709_551_615n }),
  });
  const body = { mutation: { requestId: 'r', expected_revision: '9007199254740993', dryRun: true }, family: 'Riak node family', amount: 3, timeout: '90s' };
  const answer = await asked(at, '/v1/FamilyService/DeployNodes', { body });
  test.equal(answer.status, 200, `status: ${answer.text}`);
  test.same(answer.json, {}, 'an empty answer');
  test.match(seen[0]![0], { mutation: { expectedRevision: 9007199254740993n, dryRun: true }, amount: 3, timeout: { seconds: 90n, nanos: 0 } }, 'the request');
  test.match(seen[0]![1].identity, { kind: 'operator', name: 'operator' }, 'the identity');
  test.match(seen[0]![1].peer, /^127\.0\.0\.1:\d+$/, 'the peer');
  const big = await asked(at, '/v1/EventService/ListEvents', { body: {} });
  test.equal(big.json['lastSequence'], '18446744073709551615', 'uint64 is text, whole');
  test.match(big.headers, { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store', 'content-security-policy': /default-src 'none'/ }, 'headers');
  test.equal((await asked(at, '/v1/EventService/ListEvents', {})).status, 200, 'a body may be left out when there is nothing to say');
});

void t.test('who may not is turned away before the body is read', async (test) => {
  const at = await opened(test);
  const viewer = await at.people.issue('viewer', ['read']);
  const path = '/v1/FamilyService/DeployNodes';
  const bad = { raw: 'this is no JSON' };
  const cases: [string, Ask, number, string][] = [
    ['no token', { ...bad, token: undefined }, 401, 'WO_UNAUTHENTICATED'],
    ['a wrong token', { ...bad, token: `wop1.${'A'.repeat(43)}` }, 401, 'WO_UNAUTHENTICATED'],
    ['without permission', { ...bad, token: viewer.text }, 403, 'WO_PERMISSION_DENIED'],
    ['no JSON', bad, 400, 'WO_INVALID_ARGUMENT'],
  ];
  for (const [what, ask, status, code] of cases) {
    const answer = await asked(at, path, ask);
    test.same([answer.status, answer.json['code']], [status, code], `${what}: ${answer.text}`);
    test.match(answer.json, { message: /./, hint: /./ }, `${what}: has message and hint`);
  }
  const inQuery = await asked(at, `${path}?access_token=${at.token}`, { token: undefined });
  test.equal(inQuery.status, 401, 'a token in the query is no token');
  const both = await asked(at, `${path}?token=${at.token}`, { body: {} });
  test.equal(both.json['code'], 'WO_INVALID_ARGUMENT', 'and is refused even beside a good one');
  test.notMatch(at.logged.join('') + both.text, at.token.slice(5), 'no log and no answer has the token');
});

void t.test('what is not there is not there', async (test) => {
  const at = await opened(test);
  for (const path of ['/v1/FamilyService/Nothing', '/v1/NoService/DeployNodes', '/v1/__proto__/constructor', '/v1/EnrolmentService/Enrol']) {
    const answer = await asked(at, path, { body: {} });
    test.same([answer.status, answer.json['code']], [404, 'WO_METHOD_UNKNOWN'], path);
  }
  test.match((await asked(at, '/v1/ReleaseService/UploadArtifact', { body: {} })).json, { code: 'WO_METHOD_UNKNOWN', message: /takes a stream/ }, 'client streams');
  test.same((await asked(at, '/else', { method: 'GET' })).json['code'], 'WO_METHOD_UNKNOWN', 'another path');
  test.equal((await asked(at, '/v1/FamilyService/DeployNodes', { method: 'GET' })).status, 404, 'GET changes nothing');
});

void t.test('a body that is not wholly understood is refused', async (test) => {
  const jobs: CreateJobRequest[] = [];
  const at = await opened(test, {
    deploy: () => Promise.resolve({ operation: undefined }),
    createJob: async (request) => {
      jobs.push(request);
      return { job: undefined };
    },
  });
  const deploy = (body: unknown, extra: Ask = {}): Promise<Asked> => asked(at, '/v1/FamilyService/DeployNodes', { body, ...extra });
  const refused: [string, unknown, RegExp][] = [
    ['a slip of the pen', { family: 'f', ammount: 3 }, /field ammount/],
    ['one inside', { mutation: { request_idd: 'x' } }, /field mutation\.request_idd/],
    ['text for a number', { amount: 'many' }, /does not fit/],
    ['a number out of range', { amount: 4294967296 }, /does not fit/],
    ['a negative number', { amount: -1 }, /does not fit/],
    ['text for a message', { mutation: 'x' }, /field mutation/],
    ['no duration', { timeout: '1 hour' }, /no duration/],
    ['a list', [], /no JSON object/],
    ['nothing', null, /no JSON object/],
    ['a name that every object has', JSON.parse('{"__proto__": {"x": 1}}'), /field __proto__/],
  ];
  for (const [what, body, message] of refused) {
    const answer = await deploy(body);
    test.equal(answer.status, 400, what);
    test.match(answer.json, { code: 'WO_INVALID_ARGUMENT', message }, what);
  }
  const big = await deploy({ family: 'x'.repeat(1024 * 1024) });
  test.same([big.status, big.json['code']], [413, 'WO_INVALID_ARGUMENT'], 'over 1 MiB');
  const form = await deploy({ family: 'f' }, { headers: { 'content-type': 'text/plain' } });
  test.same([form.status, form.json['code']], [400, 'WO_INVALID_ARGUMENT'], 'another content type');
  const job = { expression: 'f', action: { erlang_eval: { expressions: 'nodes().' } }, timeout: { seconds: '5' } };
  const answer = await asked(at, '/v1/JobService/CreateJob', { body: job });
  test.equal(answer.status, 200, `a oneof in snake case: ${answer.text}`);
  test.match(jobs[0], { action: { kind: { $case: 'erlangEval', value: { expressions: 'nodes().' } } }, timeout: { seconds: 5n } }, 'arrives');
});

void t.test('errors have their status; what was not foreseen stays inside', async (test) => {
  let failure: unknown = new WombatError('WO_CONFLICT', 'the family has moved', { details: { revision: '7' } });
  const at = await opened(test, { deploy: () => Promise.reject(failure as Error) });
  const fail = (): Promise<Asked> => asked(at, '/v1/FamilyService/DeployNodes', { body: {} });
  const known = await fail();
  test.equal(known.status, 409, 'status');
  test.match(known.json, { code: 'WO_CONFLICT', message: 'the family has moved', hint: /./, details: { revision: '7' } }, 'the body is the detail');
  failure = new Error('canary-secret');
  const unknown = await fail();
  test.same([unknown.status, unknown.json['code']], [500, 'WO_INTERNAL'], 'unknown');
  test.notMatch(unknown.text, 'canary', 'tells nothing');
  test.match(at.logged.join(''), 'canary-secret', 'the log does');
});

void t.test('events as server-sent events, from where the reader was', async (test) => {
  const requests: FollowEventsRequest[] = [];
  const at = await opened(test, {
    async *follow(request) {
      requests.push(request);
      yield event((request.afterSequence ?? 0n) + 1n);
      yield event((request.afterSequence ?? 0n) + 2n);
      throw new WombatError('WO_EVENTS_GONE', 'gone');
    },
  });
  const get = { method: 'GET' };
  const answer = await asked(at, '/v1/events?after=41&family=riak&type=node.', get);
  test.match(answer.headers['content-type'], 'text/event-stream', 'content type');
  const [first, second, last] = answer.text.split('\n\n');
  test.match(first, /^id: 42\ndata: \{/, 'the id is the sequence number');
  test.match(JSON.parse(first!.split('data: ')[1]!), { sequence: '42', time: '2026-01-02T03:04:05.678Z', message: 'line\nbreak' }, 'the event itself');
  test.match(second, /^id: 43\n/, 'the next');
  test.match(last, /^event: error\ndata: .*WO_EVENTS_GONE/, 'an error in the middle is an event');
  test.match(requests[0], { afterSequence: 41n, filter: { family: 'riak', typePrefix: 'node.' } }, 'the query');
  await asked(at, '/v1/events?after=1', { ...get, headers: { 'last-event-id': '77' } });
  test.equal(requests[1]?.afterSequence, 77n, 'Last-Event-ID wins');
  await asked(at, '/v1/events', get);
  test.equal(requests[2]?.afterSequence, undefined, 'without either from now on');
  for (const query of ['after=x', 'after=-1', 'after=1&after=2', `token=${at.token}`]) {
    const refused = await asked(at, `/v1/events?${query}`, get);
    test.same([refused.status, refused.json['code']], [400, 'WO_INVALID_ARGUMENT'], query.slice(0, 12));
    test.notMatch(refused.text, at.token, 'the value is not repeated');
  }
  test.equal((await asked(at, '/v1/events', { ...get, token: undefined })).status, 401, 'not without a token');
});

void t.test('streams are lines of JSON, fail with a status when they fail at once, and end with their reader', async (test) => {
  let whenGone: (reason: unknown) => void = () => undefined;
  const gone = new Promise<unknown>((resolve) => (whenGone = resolve));
  let kind: 'fails' | 'ends' | 'waits' = 'ends';
  const at = await opened(test, {
    async *follow(_, context) {
      if (kind === 'fails') throw new WombatError('WO_NOT_FOUND', 'no such family');
      yield event(1n);
      if (kind === 'ends') return;
      await new Promise<void>((resolve) => context.signal.addEventListener('abort', () => resolve()));
      whenGone(context.signal.reason);
    },
  });
  const path = '/v1/EventService/FollowEvents';
  const lines = await asked(at, path, { body: {} });
  test.match(lines.headers['content-type'], 'application/x-ndjson', 'content type');
  test.match(JSON.parse(lines.text), { result: { event: { sequence: '1' } } }, 'one line');
  kind = 'fails';
  const failed = await asked(at, path, { body: {} });
  test.same([failed.status, failed.json['code']], [404, 'WO_NOT_FOUND'], 'a status of its own');
  kind = 'waits';
  const open = await begin(at, path, { body: {}, headers: { accept: 'text/event-stream' } });
  await new Promise((resolve) => open.once('data', resolve));
  open.destroy();
  test.match(await gone, { code: 'WO_CANCELLED' }, 'the handler is told that the reader is gone');
});

void t.test('closing ends streams, telling why', async (test) => {
  const at = await opened(test, {
    async *follow(_, context) {
      yield event(1n);
      await new Promise((_resolve, reject) => context.signal.addEventListener('abort', () => reject(context.signal.reason as Error)));
    },
  });
  const open = await begin(at, '/v1/events', { method: 'GET' });
  let text = '';
  open.on('data', (chunk) => (text += String(chunk)));
  await new Promise((resolve) => open.once('data', resolve));
  const ended = new Promise((resolve) => open.once('close', resolve));
  await at.listener.close(2000);
  await ended;
  test.match(text, /event: error\ndata: .*WO_UNAVAILABLE/, 'the last event says that the coordinator stops');
});

void t.test('healthz needs no identity and tells nothing else', async (test) => {
  const at = await opened(test);
  const answer = await asked(at, '/healthz', { method: 'GET', token: undefined });
  test.same([answer.status, answer.json], [200, { status: 'ok' }], 'serving');
});

void t.test('HTTPS with the certificate of the coordinator, also after it was renewed; plain HTTP stays on loopback', async (test) => {
  const at = await opened(test, {}, { tls: true });
  const healthz = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const request = httpsRequest({ host: 'localhost', port: at.port, path: '/healthz', ca: at.authority.trustedPem, agent: false, family: 4 }, (response) => {
        const { fingerprint256 } = (response.socket as TLSSocket).getPeerCertificate();
        response.resume().once('end', () => resolve(`${response.statusCode} ${fingerprint256}`));
      });
      request.on('error', reject).end();
    });
  const before = await healthz();
  test.match(before, /^200 /, 'served');
  await at.certificate.renew();
  test.not(await healthz(), before, 'with another certificate after the renewal');
  const plain = new HttpListener({ services: [], table: new MethodTable(), operators: at.people.operators, gate: at.people.gate, log: pino({ level: 'silent' }) });
  await test.rejects(plain.listen({ host: '0.0.0.0', port: 0 }), { code: 'WO_CONFIG_INVALID', message: /http\.tls/ }, 'plain HTTP for everybody is refused');
  await test.rejects(plain.listen({ host: '127.0.0.1', port: at.port }), { code: 'WO_ADDRESS_IN_USE' }, 'a taken port');
  await plain.close(100);
});

void t.test('who asks too often is told when to come back', async (test) => {
  const at = await opened(test, { list: async () => ({ events: [], lastSequence: 0n }) }, { calls: { perSecond: 0.5, burst: 1 } });
  test.equal((await asked(at, '/v1/EventService/ListEvents', { body: {} })).status, 200, 'the first');
  const second = await asked(at, '/v1/EventService/ListEvents', { body: {} });
  test.match(second, { status: 429, headers: { 'retry-after': /^[12]$/ } }, 'the second has a status and a header');
  test.match(second.json, { code: 'WO_RATE_LIMITED', details: { retryAfterMs: /^\d+$/ } }, 'and says the same in its body');
});

void t.test('who sends his headers too slowly is cut, and others are served meanwhile', async (test) => {
  const at = await opened(test, { list: async () => ({ events: [], lastSequence: 0n }) }, { headersTimeoutMs: 1_000 });
  const slow = connect(at.port, '127.0.0.1');
  slow.on('error', () => undefined).resume();
  const closed = new Promise((resolve) => slow.once('close', resolve));
  slow.write('POST /v1/EventService/ListEvents HTTP/1.1\r\nHost: x\r\nX-Never-');
  test.equal((await asked(at, '/v1/EventService/ListEvents', { body: {} })).status, 200, 'others are served');
  await closed;
  test.pass('the slow one is gone');
});
