import { connectivityState, Metadata, type Client, type ClientDuplexStream, type ClientReadableStream } from '@grpc/grpc-js';
import {
  ArtifactServiceService, SessionServiceService,
  type ChannelRequest, type ChannelResponse, type FetchArtifactRequest, type FetchArtifactResponse, type SessionRequest,
} from '@wombat/proto/agent';
import { sessionMethod, type ReceivedFrame } from './frames.js';

export type SessionCall = ClientDuplexStream<SessionRequest, ReceivedFrame>;
export type ChannelCall = ClientDuplexStream<ChannelRequest, ChannelResponse>;

/** One connection to the coordinator: the session's stream, and beside it channels and fetches with flow control of their own. */
export class Connection {
  readonly #client: Client;
  #isReached = false;

  /** `connect`: makes a client that calls `onReached` when the coordinator has accepted its connection. */
  constructor(connect: (onReached: () => void) => Client) {
    this.#client = connect(() => (this.#isReached = true));
  }

  /** The coordinator has accepted it; neither has proved yet who it is. */
  get isReached(): boolean {
    return this.#isReached;
  }

  session(): SessionCall {
    return this.#client.makeBidiStreamRequest(sessionMethod.path, sessionMethod.requestSerialize, sessionMethod.responseDeserialize, new Metadata());
  }

  channel(): ChannelCall {
    const { path, requestSerialize, responseDeserialize } = SessionServiceService.channel;
    return this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
  }

  fetchArtifact(request: FetchArtifactRequest): ClientReadableStream<FetchArtifactResponse> {
    const { path, requestSerialize, responseDeserialize } = ArtifactServiceService.fetchArtifact;
    return this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, new Metadata());
  }

  /** Called once when the connection is gone or closed, whatever its calls hear of it. */
  onLost(listener: () => void): void {
    const channel = this.#client.getChannel();
    // The watch tells of changes alone, and what was lost before stays as it is.
    if (channel.getConnectivityState(false) === connectivityState.READY) channel.watchConnectivityState(connectivityState.READY, Infinity, () => listener());
    else setImmediate(listener);
  }

  close(): void {
    this.#client.close();
  }
}
