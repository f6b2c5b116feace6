import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, type handleClientStreamingCall, type handleServerStreamingCall, type handleUnaryCall, type Metadata, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { toServiceError, WombatError } from '@wombat/proto';
import * as control from '@wombat/proto/control';
import { stringify } from 'smol-toml';
import { makeCertificates } from './authority.js';

const services = [
  control.EventServiceService, control.FamilyServiceService, control.FileServiceService, control.HostServiceService, control.JobServiceService, control.NodeServiceService,
  control.OperationServiceService, control.ProviderServiceService, control.ReleaseServiceService, control.StrayServiceService, control.SystemServiceService,
  control.TokenServiceService,
] as unknown as readonly ServiceDefinition[];

type Definitions = typeof control.EventServiceService & typeof control.FamilyServiceService & typeof control.FileServiceService & typeof control.HostServiceService & typeof control.JobServiceService &
  typeof control.NodeServiceService & typeof control.OperationServiceService & typeof control.ProviderServiceService & typeof control.ReleaseServiceService &
  typeof control.StrayServiceService & typeof control.SystemServiceService & typeof control.TokenServiceService;
type RequestOf<M> = M extends { requestDeserialize: (bytes: Buffer) => infer Q } ? Q : never;
type AnswerOf<M> = M extends { responseDeserialize: (bytes: Buffer) => infer S } ? S : never;

/** Canned answers: unary and client-streaming methods answer once, server streams yield. */
export type Handlers = {
  -readonly [M in keyof Definitions]?: Definitions[M] extends { requestStream: true }
    ? (requests: AsyncIterable<RequestOf<Definitions[M]>>) => Promise<AnswerOf<Definitions[M]>>
    : Definitions[M] extends { responseStream: true }
      ? (request: RequestOf<Definitions[M]>, signal: AbortSignal) => AsyncIterable<AnswerOf<Definitions[M]>>
      : (request: RequestOf<Definitions[M]>) => AnswerOf<Definitions[M]> | Promise<AnswerOf<Definitions[M]>>;
};

export interface FakeCoordinatorOptions {
  readonly clusterId?: string;
  /** DNS name in the certificate, when it shall be a wrong one. */
  readonly serverName?: string;
  readonly token?: string;
}

/** A control API with canned answers behind real TLS and a real token check, and the configuration that reaches it. */
export class FakeCoordinator {
  /** Names of the methods called, in order. */
  readonly calls: string[] = [];
  readonly configDirectory: string;
  readonly address: string;
  handlers: Handlers = {};
  readonly #server: Server;

  private constructor(server: Server, configDirectory: string, port: number) {
    this.#server = server;
    this.configDirectory = configDirectory;
    this.address = `127.0.0.1:${port}`;
  }

  static async start({ clusterId = 'testcluster', serverName, token = 'secret-operator-token' }: FakeCoordinatorOptions = {}): Promise<FakeCoordinator> {
    const certificates = await makeCertificates(clusterId, serverName);
    const server = new Server();
    const made: { fake?: FakeCoordinator } = {};
    for (const service of services) server.addService(service, implementation(service, token, () => made.fake!));
    const credentials = ServerCredentials.createSsl(null, [{ private_key: Buffer.from(certificates.keyPem), cert_chain: Buffer.from(certificates.certificatePem) }]);
    const port = await new Promise<number>((resolve, reject) => server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound))));
    const directory = await mkdtemp(join(tmpdir(), 'wo-test-'));
    await writeFile(join(directory, 'ca.pem'), certificates.caPem);
    await writeFile(join(directory, 'operator.token'), `${token}\n`, { mode: 0o600 });
    const contexts = { test: { address: `127.0.0.1:${port}`, tokenFile: 'operator.token', caFile: 'ca.pem' } };
    await writeFile(join(directory, 'config.toml'), stringify({ current: 'test', contexts }));
    made.fake = new FakeCoordinator(server, directory, port);
    return made.fake;
  }

  async stop(): Promise<void> {
    this.#server.forceShutdown();
    await rm(this.configDirectory, { recursive: true, force: true });
  }
}

function implementation(service: ServiceDefinition, token: string, fake: () => FakeCoordinator): UntypedServiceImplementation {
  const handlers: UntypedServiceImplementation = {};
  for (const [name, method] of Object.entries(service)) {
    const find = (metadata: Metadata): ((request: unknown, signal: AbortSignal) => unknown) => {
      if (metadata.get('authorization')[0] !== `Bearer ${token}`) throw new WombatError('WO_UNAUTHENTICATED', 'the token is not known');
      fake().calls.push(name);
      const handler = fake().handlers[name as keyof Handlers];
      if (!handler) throw new WombatError('WO_METHOD_UNKNOWN', `the fake has no ${name}`);
      return handler as (request: unknown, signal: AbortSignal) => unknown;
    };
    if (method.responseStream) handlers[name] = streaming(find);
    else handlers[name] = answering(find, method.requestStream);
  }
  return handlers;
}

type Find = (metadata: Metadata) => (request: unknown, signal: AbortSignal) => unknown;

function answering(find: Find, requestStream: boolean): handleUnaryCall<unknown, unknown> & handleClientStreamingCall<unknown, unknown> {
  return (call: { metadata: Metadata; request?: unknown }, done: (error: Error | null, answer?: unknown) => void): void => {
    const answer = async (): Promise<unknown> => find(call.metadata)(requestStream ? call : call.request, new AbortController().signal);
    answer().then((value) => done(null, value), (error: unknown) => done(toServiceError(error)));
  };
}

function streaming(find: Find): handleServerStreamingCall<unknown, unknown> {
  return (call) => {
    const abort = new AbortController();
    call.on('cancelled', () => abort.abort(new Error('the caller is gone')));
    const run = async (): Promise<void> => {
      for await (const message of find(call.metadata)(call.request, abort.signal) as AsyncIterable<unknown>) call.write(message);
      call.end();
    };
    run().catch((error: unknown) => void (abort.signal.aborted || call.emit('error', toServiceError(error))));
  };
}
