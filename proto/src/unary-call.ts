import { Metadata, type Client, type MethodDefinition, type ServiceError } from '@grpc/grpc-js';
import { fromServiceError } from './errors/grpc.js';

/**
 * One unary call. When the signal fires, the call is taken back and fails with the signal's reason.
 *
 * @throws what `toError` makes of the failure; without it the WombatError that the other end said
 */
export function unaryCall<Request, Response>(
  client: Client, method: MethodDefinition<Request, Response>, request: Request, timeoutMs: number, signal: AbortSignal,
  toError: (error: ServiceError) => Error = fromServiceError,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const callOptions = { deadline: Date.now() + timeoutMs };
    const onAbort = (): void => call.cancel();
    const call = client.makeUnaryRequest<Request, Response>(
      method.path, method.requestSerialize, method.responseDeserialize, request, new Metadata(), callOptions,
      (error, response) => {
        signal.removeEventListener('abort', onAbort);
        if (error) reject(signal.aborted ? (signal.reason as Error) : toError(error));
        else resolve(response!);
      },
    );
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
