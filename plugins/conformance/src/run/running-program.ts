import type { MethodDefinition, ServiceError } from '@grpc/grpc-js';
import type { ProgramSession } from '@wombat/plugin-sdk/host';

export interface RunningProgramOptions {
  readonly session: ProgramSession;
  /** From its start until it served. */
  readonly startedInMs: number;
  readonly callMs: number;
  readonly hear: (text: string) => void;
  /** @default ProviderErrors */
  readonly toError?: (error: ServiceError) => Error;
}

/** One process of a plugin's program. */
export class RunningProgram {
  readonly startedInMs: number;
  readonly hear: (text: string) => void;
  readonly #session: ProgramSession;
  readonly #callMs: number;
  readonly #toError: ((error: ServiceError) => Error) | undefined;

  constructor({ session, startedInMs, callMs, hear, toError }: RunningProgramOptions) {
    this.#session = session;
    this.startedInMs = startedInMs;
    this.#callMs = callMs;
    this.hear = hear;
    this.#toError = toError;
  }

  get pid(): number {
    return this.#session.pid!;
  }

  /** @throws what the plugin said */
  async call<Q, S>(method: MethodDefinition<Q, S>, request: Q, { signal, timeoutMs = this.#callMs }: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {}): Promise<S> {
    try {
      return await this.#session.call(method, request, timeoutMs, signal, this.#toError);
    } catch (error) {
      this.hear(error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  /** As the coordinator ends it. Answers how it ended, and in what time. */
  async end(): Promise<{ readonly how: string; readonly tookMs: number }> {
    const startedAt = performance.now();
    await this.#session.end();
    return { how: await this.#session.exited, tookMs: performance.now() - startedAt };
  }

  /** With all that it started and not set free, at once. */
  async kill(): Promise<void> {
    process.kill(-this.pid, 'SIGKILL');
    await this.#session.exited;
  }
}
