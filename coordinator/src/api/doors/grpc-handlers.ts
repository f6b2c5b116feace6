import { Metadata } from '@grpc/grpc-js';
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  sendUnaryData,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedHandleCall,
} from '@grpc/grpc-js';
import { orAborted, toServiceError, WombatError } from '@wombat/proto';
import type { Logger } from 'pino';
import { drained } from '../drained.js';
import type { CallContext, ClientStreamHandler, DuplexHandler, ServerStreamHandler, UnaryHandler } from '../service.js';
import type { Identity } from '../../auth/identity.js';
import { told } from './failure.js';
import type { CallScope } from './running-calls.js';

type Message = unknown;
/** What all four kinds of calls have. */
type AnyCall = Pick<ServerUnaryCall<Message, Message>, 'metadata' | 'getPeer' | 'getDeadline'> & {
  on(event: 'cancelled', listener: () => void): unknown;
};

/** What the gate knows of the call with some metadata. */
export interface Admitted {
  readonly identity: Identity;
  readonly scope: CallScope;
}

export interface HandlerSurroundings {
  readonly admittedOf: (metadata: Metadata) => Admitted;
  readonly log: Logger;
}

export interface MethodKind {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

/** Turns a handler of ours into one that grpc-js calls. */
export function toGrpcHandler(method: MethodKind, handler: unknown, around: HandlerSurroundings): UntypedHandleCall {
  if (method.requestStream) {
    return method.responseStream
      ? duplex(method.path, handler as DuplexHandler<Message, Message>, around)
      : clientStream(method.path, handler as ClientStreamHandler<Message, Message>, around);
  }
  return method.responseStream
    ? serverStream(method.path, handler as ServerStreamHandler<Message, Message>, around)
    : unary(method.path, handler as UnaryHandler<Message, Message>, around);
}

function unary(path: string, handler: UnaryHandler<Message, Message>, around: HandlerSurroundings): handleUnaryCall<Message, Message> {
  return (call, callback) => answerOnce(call, callback, path, around, (context) => handler(call.request, context));
}

function serverStream(path: string, handler: ServerStreamHandler<Message, Message>, around: HandlerSurroundings): handleServerStreamingCall<Message, Message> {
  return (call) => {
    const { context, scope } = begin(call, around);
    settle(() => pump(handler(call.request, context), call, context.signal)).then(
      () => {
        scope.end();
        call.end();
      },
      (error: unknown) => fail(call, error, path, scope, around.log),
    );
  };
}

function clientStream(path: string, handler: ClientStreamHandler<Message, Message>, around: HandlerSurroundings): handleClientStreamingCall<Message, Message> {
  return (call, callback) => {
    // grpc-js destroys the stream of a cancelled call; nobody else may be listening by then.
    call.on('error', () => undefined);
    answerOnce(call, callback, path, around, (context) => handler(messagesOf(call, context.signal), context));
  };
}

/** The handler minds its own flow; here it is only given its signal. One that answers a promise is ended when that settles. */
function duplex(path: string, handler: DuplexHandler<Message, Message>, around: HandlerSurroundings): handleBidiStreamingCall<Message, Message> {
  return (call) => {
    const { context, scope } = begin(call, around);
    const failed = (error: unknown): void => fail(call, error, path, scope, around.log);
    const over = (): void => {
      scope.end();
      call.end();
    };
    try {
      const answer = handler(call, context);
      if (answer instanceof Promise) answer.then(over, failed);
    } catch (error) {
      failed(error);
    }
  };
}

function answerOnce(call: AnyCall, callback: sendUnaryData<Message>, path: string, around: HandlerSurroundings, work: (context: CallContext) => Promise<Message>): void {
  const { context, scope } = begin(call, around);
  settle(() => work(context)).then(
    (answer) => {
      scope.end();
      callback(null, answer);
    },
    (error: unknown) => {
      scope.end();
      callback(toServiceError(told(error, path, around.log)));
    },
  );
}

function begin(call: AnyCall, around: HandlerSurroundings): { context: CallContext; scope: CallScope } {
  const { identity, scope } = around.admittedOf(call.metadata);
  // Also emitted after a call has ended well; the scope knows.
  call.on('cancelled', () => scope.abort(reasonOfCancellation(call)));
  return { scope, context: { identity, signal: scope.signal, peer: call.getPeer() } };
}

/** Of a call that its caller has given up. */
export function reasonOfCancellation(call: Pick<AnyCall, 'getDeadline'>): WombatError {
  const deadline = call.getDeadline();
  const isPast = deadline !== Infinity && Number(deadline) <= Date.now();
  return isPast
    ? new WombatError('WO_DEADLINE_EXCEEDED', 'the deadline of the caller has passed')
    : new WombatError('WO_CANCELLED', 'the caller is gone');
}

/** Calls it so that a throw and a rejection are the same. */
async function settle<T>(work: () => Promise<T>): Promise<T> {
  return work();
}

/** Writes what comes, no faster than the caller reads. */
async function pump(messages: AsyncIterable<Message>, call: ServerWritableStream<Message, Message>, signal: AbortSignal): Promise<void> {
  const iterator = messages[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await orAborted(iterator.next(), signal);
      if (next.done === true) return;
      if (!call.write(next.value)) await drained(call, signal);
    }
  } finally {
    // Not awaited: a handler that ignores its signal must not keep the call open.
    iterator.return?.()?.catch(() => undefined);
  }
}

async function* messagesOf(call: ServerReadableStream<Message, Message>, signal: AbortSignal): AsyncGenerator<Message> {
  try {
    for await (const message of call as AsyncIterable<Message>) yield message;
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
  // The reset of a stream ends it like a half-close does, and only later as cancelled. Sending the
  // headers makes grpc-js look which it was; without that half an upload would pass for a whole one.
  call.sendMetadata(new Metadata());
  await new Promise((resolve) => setImmediate(resolve));
  signal.throwIfAborted();
}

function fail(
  call: ServerWritableStream<Message, Message> | ServerDuplexStream<Message, Message>,
  error: unknown,
  path: string,
  scope: CallScope,
  log: Logger,
): void {
  scope.end();
  call.emit('error', toServiceError(told(error, path, log)));
}
