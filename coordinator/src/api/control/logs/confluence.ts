interface Waiting<T> {
  readonly value: T;
  readonly taken: () => void;
}

/**
 * Several streams as one, in the order in which they have something. Each may be one value ahead, so the
 * slowest reader holds all of them up and none of them fills the memory.
 */
export class Confluence<T> {
  readonly #waiting: Waiting<T>[] = [];
  #open = 0;
  #failure: { readonly error: unknown } | undefined;
  #wake: () => void = () => undefined;

  /** Also while it is read. An error of a stream ends all. */
  add(stream: AsyncIterable<T>): void {
    this.#open++;
    const drain = async (): Promise<void> => {
      for await (const value of stream) await new Promise<void>((taken) => (this.#waiting.push({ value, taken }), this.#wake()));
    };
    drain()
      .catch((error: unknown) => (this.#failure ??= { error }))
      .finally(() => {
        this.#open--;
        this.#wake();
      });
  }

  /** Until all streams have ended. Whoever leaves early ends them by the signal that they were given. */
  async *read(): AsyncGenerator<T> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next) {
        yield next.value;
        next.taken();
      } else if (this.#failure) {
        throw this.#failure.error;
      } else if (this.#open === 0) {
        return;
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    }
  }
}
