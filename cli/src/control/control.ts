import { setMaxListeners, type EventEmitter } from 'node:events';
import { Client, credentials, Metadata, status, type CallOptions, type ClientDuplexStream, type ClientReadableStream, type ClientWritableStream, type ServiceError } from '@grpc/grpc-js';
import { fromServiceError, limits, WombatError } from '@wombat/proto';
import { isTimeRefusal, skewBehind, type CoordinatorPlace } from '@wombat/proto/coordinator-time';
import type { Credentials } from './credentials.js';
import { retrying } from './retry.js';

/** One method of a generated service definition. */
export interface Method<Q, S> {
  readonly path: string;
  readonly requestSerialize: (value: Q) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => S;
}

export interface CallControl {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** @default */
const unaryTimeoutMs = 60_000;

/** A connection to the control API: promises and async iterables over one gRPC channel. */
export class Control {
  readonly #client: Client;
  readonly #given: Credentials;
  readonly #address: string;
  readonly #metadata = new Metadata();
  readonly #signal: AbortSignal;
  readonly #timeoutMs: number;

  /** `signal` ends every call; `timeoutMs` bounds those that give no time of their own. */
  constructor(given: Credentials, signal: AbortSignal, timeoutMs = unaryTimeoutMs) {
    this.#given = given;
    this.#address = given.address;
    this.#signal = signal;
    // Every call that goes on listens to it, and as many as there are families or hosts may.
    setMaxListeners(0, signal);
    this.#timeoutMs = timeoutMs;
    this.#metadata.set('authorization', `Bearer ${given.token}`);
    this.#client = new Client(given.address, credentials.createSsl(given.caPem), {
      'grpc.ssl_target_name_override': given.serverName,
      'grpc.default_authority': given.serverName,
      'grpc.max_receive_message_length': 64 * limits.grpcMessageBytes,
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.max_reconnect_backoff_ms': 2000,
      'grpc.keepalive_time_ms': 30_000,
      'grpc.enable_retries': 0,
    });
  }

  /** One answer; what may safely be asked again is, for a few seconds. */
  call<Q, S>(method: Method<Q, S>, request: Q, control: CallControl = {}): Promise<S> {
    const signal = control.signal ? AbortSignal.any([this.#signal, control.signal]) : this.#signal;
    return retrying(request, () => this.#callOnce(method, request, control), signal);
  }

  #callOnce<Q, S>(method: Method<Q, S>, request: Q, control: CallControl): Promise<S> {
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, answer?: S): void => (error ? void this.#explain(error).then(reject) : resolve(answer!));
      const call = this.#client.makeUnaryRequest(
        method.path, method.requestSerialize, method.responseDeserialize, request, this.#metadata, this.#options(control, this.#timeoutMs), done,
      );
      this.#abortable(call, control.signal, reject);
    });
  }

  /** Server stream; ends with the server's end, throws what the server fails with. No deadline unless one is given. */
  async *stream<Q, S>(method: Method<Q, S>, request: Q, control: CallControl = {}): AsyncGenerator<S> {
    yield* this.#messagesOf(this.#client.makeServerStreamRequest(
      method.path, method.requestSerialize, method.responseDeserialize, request, this.#metadata, this.#options(control),
    ), control.signal);
  }

  /** Both ways at once: what `requests` yields is sent as fast as the coordinator takes it; its answers come until it has ended. No deadline unless one is given. */
  async *converse<Q, S>(method: Method<Q, S>, requests: AsyncIterable<Q>, control: CallControl = {}): AsyncGenerator<S> {
    const call = this.#client.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize, this.#metadata, this.#options(control));
    let isOver = false;
    sendAll(call, requests, () => isOver).catch(() => call.cancel());
    try {
      yield* this.#messagesOf(call, control.signal);
    } finally {
      isOver = true;
    }
  }

  async *#messagesOf<S>(call: ClientReadableStream<S> | ClientDuplexStream<never, S>, signal: AbortSignal | undefined): AsyncGenerator<S> {
    const release = this.#abortable(call, signal);
    try {
      for await (const message of call) yield message as S;
    } catch (error) {
      throw this.#abortReason(signal) ?? (await this.#explain(error));
    } finally {
      release();
      // A stream left early would fail later, with nobody listening.
      call.on('error', () => {});
      call.cancel();
    }
  }

  /** Client stream: what `requests` yields is sent as fast as the coordinator takes it, until it answers. */
  upload<Q, S>(method: Method<Q, S>, requests: AsyncIterable<Q>, control: CallControl = {}): Promise<S> {
    return new Promise((resolve, reject) => {
      let answered = false;
      const done = (error: ServiceError | null, answer?: S): void => {
        answered = true;
        if (error) void this.#explain(error).then(reject);
        else resolve(answer!);
      };
      const call = this.#client.makeClientStreamRequest(
        method.path, method.requestSerialize, method.responseDeserialize, this.#metadata, this.#options(control), done,
      );
      this.#abortable(call, control.signal, reject);
      sendAll(call, requests, () => answered).catch((error: unknown) => {
        reject(WombatError.from(error));
        call.cancel();
      });
    });
  }

  close(): void {
    this.#client.close();
  }

  #place(): CoordinatorPlace {
    const { address, caPem, serverName } = this.#given;
    const at = address.lastIndexOf(':');
    return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)), authorities: caPem.toString(), name: serverName };
  }

  #options(control: CallControl, timeoutMs?: number): CallOptions {
    const ms = control.timeoutMs ?? timeoutMs;
    return ms === undefined ? {} : { deadline: Date.now() + ms };
  }

  #abortable(call: { cancel(): void; once(event: 'status', listener: () => void): unknown }, signal: AbortSignal | undefined, reject?: (reason: unknown) => void): () => void {
    const signals = signal ? [this.#signal, signal] : [this.#signal];
    const onAbort = (): void => {
      reject?.(this.#abortReason(signal));
      call.cancel();
    };
    const release = (): void => signals.forEach((each) => each.removeEventListener('abort', onAbort));
    if (this.#abortReason(signal)) onAbort();
    signals.forEach((each) => each.addEventListener('abort', onAbort, { once: true }));
    call.once('status', release);
    return release;
  }

  #abortReason(signal: AbortSignal | undefined): Error | undefined {
    const fired = [this.#signal, signal].find((each) => each?.aborted);
    return fired?.reason as Error | undefined;
  }

  /** Errors of the transport become WO_COORDINATOR_UNREACHABLE with the reason under it; errors of the API stay. */
  async #explain(value: unknown): Promise<WombatError> {
    const error = value as Partial<ServiceError>;
    const fromTransport = error.code === status.UNAVAILABLE && !error.metadata?.get('wombat-error-bin').length;
    if (!fromTransport) return fromServiceError(value);
    const details = error.details ?? '';
    if (isTimeRefusal(details)) {
      const skewed = await skewBehind(this.#place(), 'the clock of this machine', () => Date.now(), value);
      if (skewed) return skewed;
    }
    if (/certificate|altname|self.signed/i.test(details)) {
      return new WombatError('WO_CA_MISMATCH', `${this.#address} does not present the certificate expected: ${lastPart(details)}`, { cause: value });
    }
    return new WombatError('WO_COORDINATOR_UNREACHABLE', `no answer from ${this.#address}: ${lastPart(details)}`, { cause: value });
  }
}

/** Until there are no more, or the call is over. */
async function sendAll<Q>(call: Pick<ClientWritableStream<Q>, 'write' | 'end'> & EventEmitter, requests: AsyncIterable<Q>, isOver: () => boolean): Promise<void> {
  for await (const request of requests) {
    if (isOver()) return;
    if (!call.write(request)) await drained(call, isOver);
  }
  call.end();
}

const ends = ['drain', 'status', 'error', 'close'] as const;

/** Also when the call is over. Leaves no listener: a tarball has thousands of pieces. */
function drained(call: EventEmitter, answered: () => boolean): Promise<void> {
  if (answered()) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      for (const end of ends) call.off(end, done);
      resolve();
    };
    for (const end of ends) call.on(end, done);
  });
}

/** grpc-js wraps the reason in a sentence or two: "... Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ". */
function lastPart(details: string): string {
  const reason = details.replace(/^.*Last error: /s, '').replace(/\.? *Resolution note:.*$/s, '').replace(/^(Error: )+/, '').trim();
  return reason || 'the connection broke';
}
