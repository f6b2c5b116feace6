import type { ServerDuplexStream } from '@grpc/grpc-js';
import { limits, WombatError } from '@wombat/proto';
import type { ConsoleWish, OpenConsoleRequest, OpenConsoleResponse } from '@wombat/proto/control';
import { drained } from '../../drained.js';

type Call = ServerDuplexStream<OpenConsoleRequest, OpenConsoleResponse>;
type Said = Exclude<NonNullable<OpenConsoleRequest['kind']>, { $case: 'open' }>;

/** An operator's end of a console. Nothing is read faster than it is used, and nothing written faster than it is read. */
export class ConsoleCall {
  readonly #call: Call;
  readonly #left = new AbortController();

  constructor(call: Call) {
    this.#call = call;
    // grpc-js destroys the stream of a cancelled call; the signal of the call says so too.
    call.on('error', () => undefined);
    call.once('end', () => this.#left.abort(new WombatError('WO_CANCELLED', 'the operator has left')));
  }

  /** Fires when the operator ends the conversation in good order. */
  get left(): AbortSignal {
    return this.#left.signal;
  }

  /** The first message. @throws WombatError WO_INVALID_ARGUMENT when it is another, or the signal's reason */
  wish(signal: AbortSignal): Promise<ConsoleWish> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#call.once('data', ({ kind }: OpenConsoleRequest) => {
        this.#call.pause();
        signal.removeEventListener('abort', onAbort);
        if (kind?.$case === 'open') resolve(kind.value);
        else reject(new WombatError('WO_INVALID_ARGUMENT', 'the first message of a console says where it is to be opened'));
      });
      if (signal.aborted) onAbort();
    });
  }

  /** Hands over what the operator says next; the message after it waits for the promise. What that rejects with goes to `fail`. */
  listen(take: (said: Said) => Promise<void>, fail: (error: unknown) => void): void {
    this.#call.on('data', ({ kind }: OpenConsoleRequest) => {
      if (!kind) return;
      this.#call.pause();
      taken(kind, take).catch(fail).finally(() => this.#call.resume());
    });
    this.#call.resume();
  }

  /** @throws the signal's reason */
  async say(kind: NonNullable<OpenConsoleResponse['kind']>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#call.write({ kind })) await drained(this.#call, signal);
  }
}

async function taken(kind: NonNullable<OpenConsoleRequest['kind']>, take: (said: Said) => Promise<void>): Promise<void> {
  if (kind.$case === 'open') throw new WombatError('WO_INVALID_ARGUMENT', 'a call has one console');
  if (kind.$case === 'input' && kind.value.length > limits.channelChunkBytes) throw new WombatError('WO_INVALID_ARGUMENT', `more than ${limits.channelChunkBytes} bytes in one message`);
  await take(kind);
}
