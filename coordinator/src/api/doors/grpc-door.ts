import {
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type Metadata,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServiceDefinition,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { TLSSocket } from 'node:tls';
import { limits, toServiceError, WombatError } from '@wombat/proto';
import type { Logger } from 'pino';
import type { Identity } from '../../auth/identity.js';
import type { MethodTable } from '../../auth/method-table.js';
import type { Service } from '../service.js';
import { told } from './failure.js';
import { reasonOfCancellation, toGrpcHandler, type Admitted, type HandlerSurroundings } from './grpc-handlers.js';
import type { CallScope, RunningCalls } from './running-calls.js';

/** A service of a library, with handlers that grpc-js can call as they are. */
export interface LibraryService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** What a door knows of a caller before any handler runs. */
export interface Caller {
  readonly metadata: Metadata;
  /** `address:port` of the other end. */
  readonly peer: string;
}

export interface GrpcDoorOptions {
  readonly services: readonly Service[];
  readonly libraryServices?: readonly LibraryService[];
  readonly table: MethodTable;
  /** @throws WombatError when the caller is not admitted at all */
  readonly identify: (caller: Caller) => Identity;
  readonly calls: RunningCalls;
  readonly log: Logger;
  /** Streams of one connection. */
  readonly maximumStreams: number;
  /** The first admitted call of each connection, by `address:port` of the other end. */
  readonly onAdmitted?: (peer: string) => void;
}

/** grpc-js behind the method table: no handler runs, and no message is read, before the gate has admitted the call. */
export class GrpcDoor {
  private readonly server: Server;
  private readonly injector: ReturnType<Server['createConnectionInjector']>;
  private readonly admitted = new WeakMap<Metadata, Admitted>();
  /** Paths with handlers of ours, which mind the signal of their call themselves. */
  private readonly ours = new Set<string>();

  constructor(private readonly options: GrpcDoorOptions) {
    this.server = new Server({
      interceptors: [this.gate()],
      'grpc.max_receive_message_length': limits.grpcMessageBytes,
      // Answers are our own: a plan of thousands of nodes, the outputs of a job.
      'grpc.max_send_message_length': 64 * limits.grpcMessageBytes,
      'grpc.max_concurrent_streams': options.maximumStreams,
      // Helps to find half-open connections; the heartbeat of the session decides.
      'grpc.keepalive_time_ms': 60_000,
      'grpc.keepalive_timeout_ms': 20_000,
      'grpc.enable_channelz': 0,
    });
    for (const service of options.services) this.add(service);
    for (const { definition, implementation } of options.libraryServices ?? []) this.server.addService(definition, implementation);
    // TLS is ours; what is injected has been decrypted already.
    this.injector = this.server.createConnectionInjector(ServerCredentials.createInsecure());
  }

  /** Serves a connection whose TLS handshake is done. */
  serve(socket: TLSSocket): void {
    this.injector.injectConnection(socket);
  }

  /** No new calls; connections end with their last call, at the latest after `graceMs`. */
  drain(graceMs: number): void {
    this.injector.drain(graceMs);
  }

  destroy(): void {
    this.injector.destroy();
    this.server.forceShutdown();
  }

  private add(service: Service): void {
    const around: HandlerSurroundings = {
      admittedOf: (metadata) => this.admitted.get(metadata) ?? { identity: { kind: 'none' }, scope: this.options.calls.begin({ kind: 'none' }) },
      log: this.options.log,
    };
    const definition: Record<string, ServiceDefinition[string]> = {};
    const implementation: Record<string, UntypedHandleCall> = {};
    for (const [name, method] of Object.entries(service.definition as unknown as ServiceDefinition)) {
      this.ours.add(method.path);
      definition[name] = { ...method, responseSerialize: passingBuffers(method.responseSerialize) };
      implementation[name] = toGrpcHandler(method, service.handlers[name], around);
    }
    this.server.addService(definition, implementation);
  }

  private gate(): ServerInterceptor {
    return (method, call) => {
      let scope: CallScope | undefined;
      return new ServerInterceptingCall(call, {
        start: (next) =>
          next({
            onReceiveMetadata: (metadata, proceed) => {
              scope = this.admit(method.path, metadata, call);
              if (scope) proceed(metadata);
            },
            // Called at every end; the scope knows whether it came from the handler.
            onCancel: () => scope?.abort(reasonOfCancellation(call)),
          }),
      });
    };
  }

  /** The scope of the call; undefined: it was refused. */
  private admit(path: string, metadata: Metadata, call: ServerInterceptingCallInterface): CallScope | undefined {
    try {
      const identity = this.options.identify({ metadata, peer: call.getPeer() });
      this.options.table.admit(path, identity);
      const scope = this.options.calls.begin(identity);
      this.admitted.set(metadata, { identity, scope });
      if (!this.ours.has(path)) endWith(scope.signal, call);
      this.options.onAdmitted?.(call.getPeer());
      return scope;
    } catch (error) {
      const refusal = told(error, path, this.options.log);
      this.options.log.info({ path, peer: call.getPeer(), code: refusal.code }, refusal.message);
      sendFailure(call, refusal);
      return undefined;
    }
  }
}

/** Services of libraries know of no signal: the call is ended for them. */
function endWith(signal: AbortSignal, call: ServerInterceptingCallInterface): void {
  const end = (): void => {
    const reason = WombatError.from(signal.reason);
    if (reason.code !== 'WO_CANCELLED' && reason.code !== 'WO_DEADLINE_EXCEEDED') sendFailure(call, reason);
  };
  if (signal.aborted) end();
  else signal.addEventListener('abort', end, { once: true });
}

function sendFailure(call: ServerInterceptingCallInterface, error: WombatError): void {
  const { code, details, metadata } = toServiceError(error);
  call.sendStatus({ code, details, metadata });
}

/** A fan-out encodes its message once and writes the same bytes to every stream. */
function passingBuffers(serialize: (value: unknown) => Buffer): (value: unknown) => Buffer {
  return (value) => (Buffer.isBuffer(value) ? value : serialize(value));
}
