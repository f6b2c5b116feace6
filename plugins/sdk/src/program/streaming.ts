import { once } from 'node:events';
import type { handleServerStreamingCall, ServerWritableStream, ServiceError } from '@grpc/grpc-js';

/** A handler that answers with many messages, pulled as fast as the caller reads them. */
export function streaming<Q, S>(work: (request: Q) => AsyncIterable<S>, toError: (value: unknown) => ServiceError): handleServerStreamingCall<Q, S> {
  return (call) => {
    const given = new AbortController();
    call.on('cancelled', () => given.abort());
    pump(work(call.request), call, given.signal).then(() => call.end(), (error: unknown) => call.emit('error', toError(error)));
  };
}

async function pump<Q, S>(messages: AsyncIterable<S>, call: ServerWritableStream<Q, S>, signal: AbortSignal): Promise<void> {
  for await (const message of messages) {
    signal.throwIfAborted();
    if (!call.write(message)) await once(call, 'drain', { signal });
  }
}
