import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Identity } from '../auth/identity.js';

/** What a handler knows of its caller. */
export interface CallContext {
  readonly identity: Identity;
  /** Fires when the caller is gone, the deadline has passed, or the coordinator stops. */
  readonly signal: AbortSignal;
  /** Address of the other end, for the log and for rate limits. */
  readonly peer: string;
}

export type UnaryHandler<Q, S> = (request: Q, context: CallContext) => Promise<S>;
export type ServerStreamHandler<Q, S> = (request: Q, context: CallContext) => AsyncIterable<S>;
export type ClientStreamHandler<Q, S> = (requests: AsyncIterable<Q>, context: CallContext) => Promise<S>;
/** Duplex handlers get the call itself: a session minds its own flow control. The door ends the call of one that answers a promise when that settles. */
export type DuplexHandler<Q, S> = (call: ServerDuplexStream<Q, S>, context: CallContext) => void | Promise<void>;

interface MethodShape<Q, S> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (message: Q) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Q;
  readonly responseSerialize: (message: S) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => S;
}

type HandlerOf<M> = M extends MethodShape<infer Q, infer S>
  ? M extends { requestStream: false; responseStream: false }
    ? UnaryHandler<Q, S>
    : M extends { requestStream: false; responseStream: true }
      ? ServerStreamHandler<Q, S>
      : M extends { requestStream: true; responseStream: false }
        ? ClientStreamHandler<Q, S>
        : DuplexHandler<Q, S>
  : never;

/** One handler for each method of a generated service definition. */
export type Handlers<Definition> = { readonly [M in keyof Definition]: HandlerOf<Definition[M]> };

/** A service as it is registered with a door: gRPC or HTTP. */
export interface Service {
  readonly definition: Readonly<Record<string, MethodShape<unknown, unknown>>>;
  readonly handlers: Readonly<Record<string, unknown>>;
}

/** Ties handlers to their generated definition; the compiler wants all of them. */
export function implement<Definition>(definition: Definition, handlers: Handlers<Definition>): Service {
  return { definition: definition as Service['definition'], handlers: handlers as Service['handlers'] };
}
