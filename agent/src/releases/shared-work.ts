import { orAborted } from '@wombat/proto';

interface Running<T> {
  readonly promise: Promise<T>;
  readonly controller: AbortController;
  callers: number;
}

/** Callers that want the same thing at once share one run of it; it is aborted when the last of them has gone. */
export class SharedWork<T> {
  readonly #running = new Map<string, Running<T>>();

  async run(key: string, work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const running = this.#running.get(key) ?? this.#start(key, work);
    running.callers += 1;
    try {
      return await orAborted(running.promise, signal);
    } finally {
      running.callers -= 1;
      if (running.callers === 0) running.controller.abort(signal.aborted ? signal.reason : undefined);
    }
  }

  isRunning(key: string): boolean {
    return this.#running.has(key);
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<T>): Running<T> {
    const controller = new AbortController();
    const promise = work(controller.signal).finally(() => {
      if (this.#running.get(key) === running) this.#running.delete(key);
    });
    // Whoever still listens is told by `run`; nobody may be left.
    promise.catch(() => undefined);
    const running: Running<T> = { promise, controller, callers: 0 };
    // A newcomer must not be handed what the last caller has just given up.
    controller.signal.addEventListener('abort', () => {
      if (this.#running.get(key) === running) this.#running.delete(key);
    });
    this.#running.set(key, running);
    return running;
  }
}
