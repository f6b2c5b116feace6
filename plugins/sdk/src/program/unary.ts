import type { handleUnaryCall, ServiceError } from '@grpc/grpc-js';
import type { CallContext } from '../provider.js';

/** A handler whose signal fires when the caller has taken the call back, or its deadline has passed. */
export function unary<Q, S>(work: (request: Q, context: CallContext) => Promise<S> | S, toError: (value: unknown) => ServiceError): handleUnaryCall<Q, S> {
  return (call, callback) => {
    const given = new AbortController();
    call.on('cancelled', () => given.abort());
    void (async () => await work(call.request, { signal: given.signal }))().then((answer) => callback(null, answer), (error: unknown) => callback(toError(error)));
  };
}
