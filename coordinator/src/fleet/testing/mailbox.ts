const patienceMs = 10_000;

/** What came, in order; a test takes from it what it waits for. */
export class Mailbox<T> {
  readonly all: T[] = [];
  #unread: T[] = [];
  readonly #waiting = new Set<() => void>();

  push(message: T): void {
    this.all.push(message);
    this.#unread.push(message);
    for (const look of this.#waiting) look();
  }

  /** The first unread message that fits; those before it stay unread. */
  take<S extends T>(what: string, fits: (message: T) => message is S): Promise<S>;
  take(what: string, fits: (message: T) => boolean): Promise<T>;
  take(what: string, fits: (message: T) => boolean): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (): boolean => {
        const index = this.#unread.findIndex(fits);
        if (index < 0) return false;
        clearTimeout(timer);
        this.#waiting.delete(look);
        const [message] = this.#unread.splice(index, 1);
        resolve(message as T);
        return true;
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`${what} did not come in ${patienceMs} ms; unread: ${this.#unread.length}`));
      }, patienceMs);
      if (!look()) this.#waiting.add(look);
    });
  }
}
