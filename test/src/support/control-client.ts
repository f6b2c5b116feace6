import { X509Certificate } from 'node:crypto';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';

/** One method of a generated service definition. */
export interface UnaryMethod<Q, S> {
  readonly path: string;
  readonly requestSerialize: (value: Q) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => S;
}

export interface ControlAccess {
  /** host:port */
  readonly address: string;
  /** Left out: the caller shows none. */
  readonly token?: string;
  readonly authority: Buffer;
}

const deadlineMs = 20_000;
const streamDeadlineMs = 120_000;

/** Calls of the control API without the costs of a `wo` for each. */
export class ControlClient {
  readonly #client: Client;
  readonly #metadata = new Metadata({ waitForReady: true });

  constructor({ address, token, authority }: ControlAccess) {
    const name = coordinatorName(authority);
    if (token !== undefined) this.#metadata.set('authorization', `Bearer ${token}`);
    this.#client = new Client(address, credentials.createSsl(authority), {
      'grpc.ssl_target_name_override': name,
      'grpc.default_authority': name,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 500,
    });
  }

  call<Q, S>({ path, requestSerialize, responseDeserialize }: UnaryMethod<Q, S>, request: Q): Promise<S> {
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, answer?: S): void => (error ? reject(error) : resolve(answer!));
      this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, this.#metadata, { deadline: Date.now() + deadlineMs }, done);
    });
  }

  /** A call that is answered by a stream. */
  stream<Q, S>({ path, requestSerialize, responseDeserialize }: UnaryMethod<Q, S>, request: Q): AsyncIterable<S> {
    return this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, this.#metadata, { deadline: Date.now() + streamDeadlineMs });
  }

  close(): void {
    this.#client.close();
  }
}

/** The name in the coordinator's certificate: agents and operators check it, not the address. */
export function coordinatorName(authority: Buffer): string {
  const clusterId = /URI:wombat:\/\/([a-z0-9-]+)/.exec(new X509Certificate(authority).subjectAltName ?? '')?.[1];
  if (clusterId === undefined) throw new Error('the certificate authority names no cluster');
  return `coordinator.${clusterId}.wombat`;
}
