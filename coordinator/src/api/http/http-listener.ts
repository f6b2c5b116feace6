import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { AddressInfo } from 'node:net';
import type { Server as HttpsServer } from 'node:https';
import { limits, toErrorDetail, withDeadline, WombatError } from '@wombat/proto';
import type { Logger } from 'pino';
import type { Identity } from '../../auth/identity.js';
import type { MethodTable } from '../../auth/method-table.js';
import type { OperatorGate } from '../../auth/operator-gate.js';
import type { Operators } from '../../auth/operators.js';
import type { ServerCertificate } from '../../auth/server-certificate.js';
import { isLoopback } from '../../configuration/values.js';
import type { Address } from '../doors/address.js';
import { told } from '../doors/failure.js';
import { RunningCalls, type CallScope } from '../doors/running-calls.js';
import { listenError } from '../doors/tls-listener.js';
import { openApi, type OpenApi } from '../openapi/openapi.js';
import type { CallContext, ServerStreamHandler, Service, UnaryHandler } from '../service.js';
import { eventsQuery } from './events-query.js';
import { httpMethods, type HttpMethod } from './http-methods.js';
import { httpStatusOf } from './http-status.js';
import { installerRoutes, type InstallerDoor } from './installer-routes.js';
import { readJson } from './read-json.js';
import { jsonLines, serverSentEvents, writeStream, type StreamFormat } from './stream-answer.js';

/** For a whole request to arrive. */
const requestTimeoutMs = 30_000;
const headersTimeoutMs = 10_000;
const handshakeTimeoutMs = 5_000;
/** How often connections are looked for that take longer. */
const connectionLookMs = 2_000;

/** Nothing here is a page, may be kept, or may be shown inside another site. */
const securityHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

const followEventsMethod = 'EventService/FollowEvents';

export interface HttpListenerOptions {
  readonly services: readonly Service[];
  readonly table: MethodTable;
  readonly operators: Operators;
  readonly gate: OperatorGate;
  /** Serves HTTPS with it; without it plain HTTP on loopback. */
  readonly certificate?: ServerCertificate;
  readonly log: Logger;
  /** What GET /healthz answers. @default always */
  readonly isServing?: () => boolean;
  /** What new machines fetch. @default nothing */
  readonly installer?: InstallerDoor;
  /** @default 500 */
  readonly maximumCallsOfOneToken?: number;
  /** For the headers of a request to arrive. @default 10 s */
  readonly headersTimeoutMs?: number;
}

/**
 * The HTTP door: `POST /v1/<Service>/<Method>` in proto3 JSON, `GET /v1/events` as server-sent
 * events, and what needs no token: `GET /healthz`, `/openapi.json`, `/install.sh` and `/packages/NAME`. Same method table, identities, handlers and errors as the gRPC door.
 */
export class HttpListener {
  private readonly calls: RunningCalls;
  private readonly stopEnds: () => void;
  private readonly methods: ReadonlyMap<string, HttpMethod>;
  private readonly app: FastifyInstance;
  /** Who each admitted request comes from. */
  private readonly identities = new WeakMap<FastifyRequest, Identity>();
  private stopRenewals: () => void = () => undefined;
  /** Made when it is first asked for. */
  private document: OpenApi | undefined;

  constructor(private readonly options: HttpListenerOptions) {
    this.calls = new RunningCalls(options.maximumCallsOfOneToken);
    this.stopEnds = options.operators.onEnded((token, reason) => this.calls.endOf(token, reason));
    this.methods = httpMethods(options.services);
    this.app = this.makeApp();
    this.route();
  }

  /** @throws WombatError WO_ADDRESS_IN_USE; WO_CONFIG_INVALID for plain HTTP beyond loopback */
  async listen(address: Address): Promise<Address> {
    if (!this.options.certificate && !isLoopback(address.host)) {
      throw new WombatError('WO_CONFIG_INVALID', `plain HTTP is for loopback only, not for ${address.host}: set http.tls = true`);
    }
    try {
      await this.app.listen({ host: address.host, port: address.port });
    } catch (error) {
      throw listenError(address, error as NodeJS.ErrnoException);
    }
    return { host: address.host, port: (this.app.server.address() as AddressInfo).port };
  }

  /** Ends every call with WO_UNAVAILABLE; what has not gone after `graceMs` is cut. */
  async close(graceMs: number): Promise<void> {
    this.stopRenewals();
    this.stopEnds();
    this.calls.stop();
    const closed = this.app.close();
    const grace = withDeadline(graceMs, 'closing the HTTP listener');
    const cut = (): void => this.app.server.closeAllConnections();
    grace.addEventListener('abort', cut, { once: true });
    await closed;
    grace.removeEventListener('abort', cut);
  }

  private makeApp(): FastifyInstance {
    const { certificate } = this.options;
    const common = {
      logger: false,
      bodyLimit: limits.grpcMessageBytes,
      requestTimeout: requestTimeoutMs,
      forceCloseConnections: 'idle',
      exposeHeadRoutes: false,
      routerOptions: { maxParamLength: 120 },
    } as const;
    const app = certificate
      ? (fastify({ ...common, https: { ...secretsOf(certificate), handshakeTimeout: handshakeTimeoutMs, connectionsCheckingInterval: connectionLookMs } }) as unknown as FastifyInstance)
      : fastify({ ...common, http: { connectionsCheckingInterval: connectionLookMs } });
    app.server.headersTimeout = this.options.headersTimeoutMs ?? headersTimeoutMs;
    if (certificate) {
      const server = app.server as unknown as HttpsServer;
      this.stopRenewals = certificate.onRenewed(() => server.setSecureContext(secretsOf(certificate)));
    }
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('application/json', { parseAs: 'string' }, (_, body, done) => parseJson(String(body), done));
    app.addHook('onSend', async (_, reply) => void reply.headers(securityHeaders));
    app.setErrorHandler((error, request, reply) => this.answerError(error, request, reply));
    app.setNotFoundHandler((request, reply) => this.answerError(new WombatError('WO_METHOD_UNKNOWN', 'there is nothing under this path', { hint: 'call methods with POST /v1/SERVICE/METHOD: docs/reference/api.md' }), request, reply));
    return app;
  }

  private route(): void {
    this.app.get('/healthz', async (_, reply) => {
      const isServing = this.options.isServing?.() ?? true;
      return reply.code(isServing ? 200 : 503).send({ status: isServing ? 'ok' : 'unavailable' });
    });
    if (this.options.installer) installerRoutes(this.app, this.options.installer);
    this.app.get('/openapi.json', async (_, reply) => reply.send((this.document ??= openApi())));
    this.app.get('/v1/events', { onRequest: async (request) => this.admit(request, followEventsMethod) }, async (request, reply) => {
      const method = this.methodOf(followEventsMethod);
      const format = serverSentEvents((json) => (json as { sequence?: string }).sequence);
      const toJson = (message: unknown): unknown => (method.writeResponse(message) as { event?: unknown }).event;
      await this.stream(method, eventsQuery(request.query, request.headers['last-event-id']), request, reply, format, toJson);
    });
    this.app.post<{ Params: { service: string; method: string } }>(
      '/v1/:service/:method',
      { onRequest: async (request) => this.admit(request, nameOf(request)) },
      async (request, reply) => this.call(request, reply),
    );
  }

  /** Before the body is read. */
  private async admit(request: FastifyRequest, name: string): Promise<void> {
    const { gate, table } = this.options;
    const identity = gate.admit(request.headers.authorization, peerOf(request));
    table.admit(this.methodOf(name).path, identity);
    this.identities.set(request, identity);
  }

  private methodOf(name: string): HttpMethod {
    const method = this.methods.get(name);
    if (!method) throw new WombatError('WO_METHOD_UNKNOWN', `there is no method ${name.slice(0, 200)}`);
    if (method.requestStream) throw new WombatError('WO_METHOD_UNKNOWN', `${name} takes a stream, which only the gRPC door can`);
    return method;
  }

  private async call(request: FastifyRequest<{ Params: { service: string; method: string } }>, reply: FastifyReply): Promise<unknown> {
    if (Object.keys(request.query as object).length > 0) throw new WombatError('WO_INVALID_ARGUMENT', 'a method takes its arguments in the body, and tokens in the header, never in the query');
    const method = this.methodOf(nameOf(request));
    const message = method.readRequest(request.body === undefined ? {} : request.body);
    if (method.responseStream) {
      const wantsEvents = request.headers.accept?.includes('text/event-stream') ?? false;
      return this.stream(method, message, request, reply, wantsEvents ? serverSentEvents() : jsonLines, (answer) => method.writeResponse(answer));
    }
    const { context, scope } = this.begin(request, reply);
    try {
      const answer = await (method.handler as UnaryHandler<unknown, unknown>)(message, context);
      return await reply.send(method.writeResponse(answer));
    } finally {
      scope.end();
    }
  }

  private async stream(
    method: HttpMethod,
    message: unknown,
    request: FastifyRequest,
    reply: FastifyReply,
    format: StreamFormat,
    toJson: (message: unknown) => unknown,
  ): Promise<void> {
    const { context, scope } = this.begin(request, reply);
    const messages = (method.handler as ServerStreamHandler<unknown, unknown>)(message, context);
    try {
      await writeStream(reply.raw, {
        messages,
        toJson,
        format,
        headers: securityHeaders,
        signal: context.signal,
        told: (error) => told(error, method.path, this.options.log),
      });
      reply.hijack();
    } finally {
      scope.end();
    }
  }

  private begin(request: FastifyRequest, reply: FastifyReply): { context: CallContext; scope: CallScope } {
    const identity = this.identities.get(request) ?? { kind: 'none' as const };
    const scope = this.calls.begin(identity);
    reply.raw.once('close', () => scope.abort(new WombatError('WO_CANCELLED', 'the caller is gone')));
    return { scope, context: { identity, signal: scope.signal, peer: peerOf(request) } };
  }

  private answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const { routeOptions } = request;
    const answered = told(ofFramework(error) ?? error, routeOptions.url ?? 'unknown', this.options.log);
    const { retryAfterMs } = answered.details;
    if (retryAfterMs !== undefined) void reply.header('retry-after', String(Math.ceil(Number(retryAfterMs) / 1000)));
    const isTooLarge = (error as { statusCode?: number }).statusCode === 413;
    void reply.code(isTooLarge ? 413 : httpStatusOf(answered)).send(toErrorDetail(answered));
  }
}

function peerOf({ socket }: FastifyRequest): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

function nameOf(request: FastifyRequest): string {
  const { service, method } = request.params as { service: string; method: string };
  return `${service}/${method}`;
}

function secretsOf(certificate: ServerCertificate): { key: string; cert: string; minVersion: 'TLSv1.2' } {
  return { key: certificate.current.keyPem, cert: certificate.current.chainPem, minVersion: 'TLSv1.2' };
}

function parseJson(text: string, done: (error: Error | null, value?: unknown) => void): void {
  let value: unknown;
  try {
    value = readJson(text);
  } catch (error) {
    return done(WombatError.is(error) ? error : new WombatError('WO_INVALID_ARGUMENT', 'the body is no JSON'));
  }
  done(null, value);
}

/** What fastify itself refuses (too large, another content type, ...) is the caller's fault. */
function ofFramework(error: unknown): WombatError | undefined {
  const { code, statusCode, message } = error as { code?: unknown; statusCode?: unknown; message?: unknown };
  if (WombatError.is(error) || typeof code !== 'string' || !code.startsWith('FST_') || typeof statusCode !== 'number' || statusCode >= 500) return undefined;
  return new WombatError('WO_INVALID_ARGUMENT', String(message));
}
