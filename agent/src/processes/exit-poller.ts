/** Calls each check twice a second, one timer for all, until it answers true. */
export class ExitPoller {
  readonly #checks = new Set<() => boolean>();
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(intervalMs = 500) {
    this.#intervalMs = intervalMs;
  }

  /** Answers the function that ends it. */
  add(check: () => boolean): () => void {
    this.#checks.add(check);
    this.#timer ??= setInterval(() => this.#poll(), this.#intervalMs).unref();
    return () => this.#remove(check);
  }

  #poll(): void {
    for (const check of this.#checks) {
      if (check()) this.#remove(check);
    }
  }

  #remove(check: () => boolean): void {
    this.#checks.delete(check);
    if (this.#checks.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
