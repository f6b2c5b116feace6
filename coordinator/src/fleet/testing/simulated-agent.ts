import { Client, credentials, Metadata, type ClientDuplexStream, type ClientOptions, type ServiceError } from '@grpc/grpc-js';
import { sessionProtocol } from '@wombat/proto';
import type { SessionRequest} from '@wombat/proto/agent';
import {
  Hello, SessionResponse, SessionServiceService, type ChannelRequest, type ChannelResponse,
} from '@wombat/proto/agent';
import { Mailbox } from './mailbox.js';

export interface Received {
  readonly frame: NonNullable<SessionResponse['frame']>;
  /** Encoded. */
  readonly sizeBytes: number;
}

type FrameOf<K extends Received['frame']['$case']> = Extract<Received['frame'], { $case: K }>['value'];

/** The other end of the wire: a real client over a connection of its own. */
export class SimulatedAgent {
  readonly received = new Mailbox<Received>();
  readonly ends = new Mailbox<ServiceError | undefined>();
  readonly call: ClientDuplexStream<SessionRequest | Buffer, Received>;
  readonly #client: Client;
  readonly #metadata = new Metadata();
  /** Answers pings, as a living agent does. */
  answersPings = true;

  constructor(address: string, readonly hostId: string, channelCredentials = credentials.createInsecure(), options: ClientOptions = {}) {
    this.#client = new Client(address, channelCredentials, { ...options, 'grpc.use_local_subchannel_pool': 1 });
    this.#metadata.set('host-id', hostId);
    const { path } = SessionServiceService.session;
    const requestSerialize = (request: SessionRequest | Buffer): Buffer =>
      Buffer.isBuffer(request) ? request : SessionServiceService.session.requestSerialize(request);
    const deserialize = (bytes: Buffer): Received => ({ frame: SessionResponse.decode(bytes).frame!, sizeBytes: bytes.length });
    this.call = this.#client.makeBidiStreamRequest(path, requestSerialize, deserialize, this.#metadata);
    this.call.on('data', (received: Received) => this.#onReceived(received));
    let error: ServiceError | undefined;
    this.call.on('error', (reason: ServiceError) => (error = reason));
    this.call.on('status', () => this.ends.push(error));
  }

  #onReceived(received: Received): void {
    this.received.push(received);
    if (received.frame.$case === 'ping' && this.answersPings) this.send({ $case: 'beat', value: {} });
  }

  send(frame: NonNullable<SessionRequest['frame']>): void {
    this.call.write({ frame });
  }

  /** Bytes that stand where a frame should. */
  sendRaw(bytes: Buffer): void {
    this.call.write(bytes);
  }

  hello(hello: Partial<Hello> = {}): void {
    const { minimum, maximum } = sessionProtocol;
    this.send({ $case: 'hello', value: { ...Hello.fromPartial({}), protocolMin: minimum, protocolMax: maximum, agentVersion: '0.1.0', ...hello } });
  }

  async next<K extends Received['frame']['$case']>(kind: K): Promise<FrameOf<K>> {
    const received = await this.received.take(`${kind} at ${this.hostId}`, ({ frame }) => frame.$case === kind);
    return received.frame.value as FrameOf<K>;
  }

  /** Says Hello and waits for Welcome and the full sync. */
  async connect(hello: Partial<Hello> = {}): Promise<this> {
    this.hello(hello);
    await this.next('welcome');
    await this.next('assignments');
    return this;
  }

  /** What the session ended with; undefined when it ended in good order. */
  end(): Promise<ServiceError | undefined> {
    return this.ends.take(`the end of the session of ${this.hostId}`, () => true);
  }

  channel(): ClientDuplexStream<ChannelRequest, ChannelResponse> {
    const { path, requestSerialize, responseDeserialize } = SessionServiceService.channel;
    return this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, this.#metadata);
  }

  /** As when the process is killed: the connection is just closed. */
  kill(): void {
    this.#client.close();
    this.call.cancel();
  }
}
