import type { Identity } from '../auth/identity.js';
import type { CallContext, ClientStreamHandler, ServerStreamHandler, Service, UnaryHandler } from '../api/service.js';

const operator: Identity = { kind: 'operator', id: 'opr-aaaaaaaaaaaa', name: 'ada', permissions: ['read', 'write', 'exec', 'console', 'admin'] };

export function operatorContext(signal: AbortSignal = new AbortController().signal): CallContext {
  return { identity: operator, signal, peer: '127.0.0.1:9' };
}

/** Calls one method of a service as an operator; fields of the request that are left out are empty. */
export function unary<Q, S>(service: Service, method: string): (request: Partial<Q>) => Promise<S> {
  return (request) => (service.handlers[method] as UnaryHandler<Q, S>)(whole<Q>(service, method, request), operatorContext());
}

export function serverStream<Q, S>(service: Service, method: string): (request: Partial<Q>, signal?: AbortSignal) => AsyncIterable<S> {
  return (request, signal) => (service.handlers[method] as ServerStreamHandler<Q, S>)(whole<Q>(service, method, request), operatorContext(signal));
}

export function clientStream<Q, S>(service: Service, method: string): (requests: readonly Q[]) => Promise<S> {
  return (requests) =>
    (service.handlers[method] as ClientStreamHandler<Q, S>)(
      (async function* () {
        yield* requests;
      })(),
      operatorContext(),
    );
}

/** As a client that leaves fields out would send it: decoded from nothing, then filled in. */
function whole<Q>(service: Service, method: string, request: Partial<Q>): Q {
  const definition = service.definition[method];
  if (!definition) throw new Error(`the service has no method ${method}`);
  return { ...(definition.requestDeserialize(Buffer.alloc(0)) as Q), ...request };
}
