import { constants, type Http2Session, type ServerHttp2Stream } from 'node:http2';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { toServiceError, type WombatError } from '@wombat/proto';
import type { LiveClock } from './live-clock.js';

/** Any duplex call of the server. */
export type DuplexCall = ServerDuplexStream<never, never> | ServerDuplexStream<unknown, unknown>;

/**
 * Ends streams in good order, and resets those whose other end does not take the ending: a status
 * waits behind everything that an agent does not read, so it alone would free nothing.
 */
export class StreamCloser {
  readonly #live: LiveClock;
  readonly #graceMs: number;
  readonly #closing = new Map<DuplexCall, number>();
  readonly #cutting = new Map<Http2Session, number>();

  constructor(live: LiveClock, graceMs: number) {
    this.#live = live;
    this.#graceMs = graceMs;
  }

  /** Ends the call with OK, or with the error. What arrives from now on is thrown away. */
  end(call: DuplexCall, error?: WombatError): void {
    if (call.destroyed) return;
    call.removeAllListeners('data');
    call.resume();
    this.#closing.set(call, this.#live.nowMs);
    call.once('close', () => this.#closing.delete(call));
    // grpc-js answers an 'error' event of the call with the status that it carries.
    if (error) call.emit('error', toServiceError(error));
    else call.end();
  }

  /** Ends the call, and then the connection under it: nobody answers there, and the kernel would hold it for minutes. */
  cut(call: DuplexCall, error: WombatError): void {
    const connection = streamOf(call)?.session;
    if (connection) this.#cutting.set(connection, this.#live.nowMs);
    this.end(call, error);
  }

  /** Resets what has not closed in time. */
  tick(): void {
    for (const [connection, since] of this.#cutting) {
      if (this.#live.nowMs - since < this.#graceMs) continue;
      this.#cutting.delete(connection);
      connection.destroy();
    }
    for (const [call, since] of this.#closing) {
      if (call.destroyed) this.#closing.delete(call);
      else if (this.#live.nowMs - since >= this.#graceMs) resetStream(call);
    }
  }

  /** Resolves when every stream that was ended has closed. */
  async drained(): Promise<void> {
    const closed = [...this.#closing.keys()].map((call) => new Promise((resolve) => call.once('close', resolve)));
    await Promise.all(closed);
  }

  resetAll(): void {
    for (const call of this.#closing.keys()) resetStream(call);
    this.#closing.clear();
  }
}

interface InnerCall {
  readonly call?: InnerCall;
  readonly nextCall?: InnerCall;
  readonly stream?: ServerHttp2Stream;
}

/**
 * Sends RST_STREAM. grpc-js has no public way to do that from the server's side, so the HTTP/2
 * stream is looked up behind its call objects (a test tells when they change).
 */
export function resetStream(call: DuplexCall): void {
  const stream = streamOf(call);
  if (stream && !stream.destroyed) stream.close(constants.NGHTTP2_CANCEL);
  else call.destroy();
}

function streamOf(call: DuplexCall): ServerHttp2Stream | undefined {
  let inner: InnerCall | undefined = (call as unknown as InnerCall).call;
  while (inner && !inner.stream) inner = inner.nextCall;
  return inner?.stream;
}
