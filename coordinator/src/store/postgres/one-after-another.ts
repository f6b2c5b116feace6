/** Gives each piece of work its turn when the one before has ended, however that was. */
export class OneAfterAnother {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** When all that was asked for so far has ended. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
