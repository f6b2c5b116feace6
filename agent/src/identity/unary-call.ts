import { Metadata, type Client, type MethodDefinition } from '@grpc/grpc-js';
import { fromServiceError } from '@wombat/proto';

/** One unary call. @throws WombatError as the coordinator said it, or for what the transport did */
export function unaryCall<Request, Response>(
  client: Client, method: MethodDefinition<Request, Response>, request: Request, timeoutMs: number, signal: AbortSignal,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const callOptions = { deadline: Date.now() + timeoutMs };
    const onAbort = (): void => call.cancel();
    const call = client.makeUnaryRequest<Request, Response>(
      method.path, method.requestSerialize, method.responseDeserialize, request, new Metadata(), callOptions,
      (error, response) => {
        signal.removeEventListener('abort', onAbort);
        if (error) reject(signal.aborted ? (signal.reason as Error) : fromServiceError(error));
        else resolve(response!);
      },
    );
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
