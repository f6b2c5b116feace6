import type { AddressInfo } from 'node:net';
import { createServer, type Server as TlsServer, type TLSSocket } from 'node:tls';
import { Server, ServerCredentials, type ServerDuplexStream, type ServerUnaryCall, type ServerWritableStream, type sendUnaryData } from '@grpc/grpc-js';
import { formatJoinToken, newId, toServiceError, WombatError } from '@wombat/proto';
import {
  ArtifactServiceService, EnrolmentServiceService, SessionResponse, SessionServiceService,
  type ChannelRequest, type ChannelResponse, type EnrolRequest, type EnrolResponse, type FetchArtifactRequest, type FetchArtifactResponse,
  type RenewCertificateRequest, type RenewCertificateResponse, type SessionRequest,
} from '@wombat/proto/agent';
import { PlainRelay } from './plain-relay.js';
import { TestAuthority, type TestKeyPair } from './test-authority.js';

export type SessionServerCall = ServerDuplexStream<SessionRequest, SessionResponse | Buffer>;
export type ChannelServerCall = ServerDuplexStream<ChannelRequest, ChannelResponse>;

export type StandInAuthority = Pick<TestAuthority, 'clusterId' | 'certificate' | 'sha256' | 'coordinator' | 'host'>;

/** What a test lets the stand-in do; each has a plain default. */
export interface StandInBehaviour {
  /** Answers true when it speaks over the connection itself, whatever that is. */
  connection(socket: TLSSocket): boolean;
  enrol(request: EnrolRequest): Promise<EnrolResponse>;
  renew(request: RenewCertificateRequest): Promise<RenewCertificateResponse>;
  session(call: SessionServerCall): void;
  channel(call: ChannelServerCall): void;
  fetch(call: ServerWritableStream<FetchArtifactRequest, FetchArtifactResponse>): void;
}

/**
 * The coordinator's side of the wire with nothing behind it: real TLS 1.3, real gRPC, certificates
 * minted here. For tests of the agent, and for benchmarks that say that they use it.
 */
export class StandInCoordinator {
  readonly hostId = newId('host');
  readonly enrolments: EnrolRequest[] = [];
  readonly sockets = new Set<TLSSocket>();
  behaviour: StandInBehaviour;
  certificateLife: { notBeforeMs?: number; lifetimeMs?: number } = {};
  readonly #grpc = new Server({ 'grpc.max_receive_message_length': 1024 * 1024 });
  readonly #tls: TlsServer;
  /** Where agents connect. */
  #door!: PlainRelay;

  private constructor(readonly authority: StandInAuthority, pair: TestKeyPair) {
    this.behaviour = this.#plainBehaviour();
    this.#addServices();
    const injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());
    this.#tls = createServer({
      cert: pair.certificate, key: pair.key, ca: authority.certificate, minVersion: 'TLSv1.3', ALPNProtocols: ['h2'],
      requestCert: true, rejectUnauthorized: false,
    }, (socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket)).on('error', () => undefined);
      if (!this.behaviour.connection(socket)) injector.injectConnection(socket);
    });
    this.#tls.on('tlsClientError', () => undefined);
  }

  static async start(options: { readonly authority?: StandInAuthority; readonly pair?: TestKeyPair; readonly port?: number } = {}): Promise<StandInCoordinator> {
    const authority = options.authority ?? (await TestAuthority.create('testcluster1'));
    const standIn = new StandInCoordinator(authority, options.pair ?? (await authority.coordinator()));
    await new Promise<void>((resolve) => standIn.#tls.listen(0, '127.0.0.1', resolve));
    standIn.#door = await PlainRelay.start(() => (standIn.#tls.address() as AddressInfo).port, options.port);
    return standIn;
  }

  get address(): { readonly host: string; readonly port: number } {
    return { host: '127.0.0.1', port: this.#door.port };
  }

  joinToken(caSha256 = this.authority.sha256): string {
    return formatJoinToken({ caSha256, id: newId('tok'), secret: 'A'.repeat(43) });
  }

  /** Cuts all connections and listens no more. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#tls.close(resolve));
    await this.#door.stop();
    this.#grpc.forceShutdown();
    await closed;
  }

  cutConnections(): void {
    this.#door.cut();
  }

  #plainBehaviour(): StandInBehaviour {
    return {
      connection: () => false,
      enrol: async ({ csr }) => ({ clusterId: this.authority.clusterId, hostId: this.hostId, certificate: await this.#issue(csr) }),
      renew: async ({ csr }) => ({ certificate: await this.#issue(csr) }),
      session: (call) => welcome(call),
      channel: (call) => call.on('data', () => undefined).on('end', () => call.end()),
      fetch: (call) => call.end(),
    };
  }

  async #issue(csr: Uint8Array): Promise<EnrolResponse['certificate']> {
    const certificateChain = await this.authority.host(csr, this.hostId, this.certificateLife);
    return { certificateChain, trustedCa: this.authority.certificate, notAfter: undefined, coordinatorTime: new Date() };
  }

  #addServices(): void {
    this.#grpc.addService(EnrolmentServiceService, {
      enrol: (call: ServerUnaryCall<EnrolRequest, EnrolResponse>, callback: sendUnaryData<EnrolResponse>) => {
        this.enrolments.push(call.request);
        answer(this.behaviour.enrol(call.request), callback);
      },
      renewCertificate: (call: ServerUnaryCall<RenewCertificateRequest, RenewCertificateResponse>, callback: sendUnaryData<RenewCertificateResponse>) =>
        answer(this.behaviour.renew(call.request), callback),
    });
    // Buffers pass through, so that a test can send what no codec would write.
    const responseSerialize = (frame: SessionResponse | Buffer): Buffer => (Buffer.isBuffer(frame) ? frame : Buffer.from(SessionResponse.encode(frame).finish()));
    this.#grpc.addService({ ...SessionServiceService, session: { ...SessionServiceService.session, responseSerialize } }, {
      session: (call: SessionServerCall) => this.behaviour.session(call.on('error', () => undefined)),
      channel: (call: ChannelServerCall) => this.behaviour.channel(call.on('error', () => undefined)),
    });
    this.#grpc.addService(ArtifactServiceService, {
      fetchArtifact: (call: ServerWritableStream<FetchArtifactRequest, FetchArtifactResponse>) => this.behaviour.fetch(call),
    });
  }
}

function answer<Value>(promise: Promise<Value>, callback: sendUnaryData<Value>): void {
  promise.then((value) => callback(null, value), (error: unknown) => callback(toServiceError(WombatError.from(error))));
}

export interface WelcomeOptions {
  readonly beatSeconds?: number;
  readonly sampleSeconds?: number;
  readonly coordinatorTime?: Date;
}

/** Answers Hello with Welcome, hears everything and says nothing more. */
export function welcome(call: SessionServerCall, { beatSeconds = 4, sampleSeconds = 10, coordinatorTime = new Date() }: WelcomeOptions = {}): void {
  call.on('data', ({ frame }: SessionRequest) => {
    if (frame?.$case !== 'hello') return;
    const value = {
      protocol: 1, coordinatorVersion: 'stand-in', coordinatorTime,
      beatInterval: { seconds: BigInt(beatSeconds), nanos: 0 }, sampleInterval: { seconds: BigInt(sampleSeconds), nanos: 0 },
    };
    call.write({ frame: { $case: 'welcome', value } });
  });
  call.on('end', () => call.end());
}
