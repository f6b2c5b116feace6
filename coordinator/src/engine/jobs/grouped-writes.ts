interface Waiting<T> {
  readonly items: readonly T[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupedWritesOptions<T> {
  /** All of them or, when it rejects, none. */
  readonly write: (items: readonly T[]) => Promise<void>;
  /** Whether a refusal has nothing to do with what was brought: then all who were written together are told, and none is tried alone. */
  readonly concernsAll: (error: unknown) => boolean;
  /** Items that are written together, unless one caller brings more. */
  readonly atMost: number;
}

/**
 * Writes for many callers: what they bring while a write goes on is put together for the next one. Thousands of hosts
 * answer a command in the same moment, and to store each answer by itself would cost a flush of the disk each.
 */
export class GroupedWrites<T> {
  readonly #options: GroupedWritesOptions<T>;
  readonly #waiting: Waiting<T>[] = [];
  #isWriting = false;

  constructor(options: GroupedWritesOptions<T>) {
    this.#options = options;
  }

  /** Resolves when these are written, and rejects with what kept just these from it. */
  add(items: readonly T[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ items, resolve, reject });
      if (this.#isWriting) return;
      this.#isWriting = true;
      // Whoever comes in the same turn of the loop comes along.
      setImmediate(() => void this.#writeAll());
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) await this.#writeTogether(this.#takeGroup());
    this.#isWriting = false;
  }

  #takeGroup(): Waiting<T>[] {
    let [size, callers] = [0, 0];
    for (const { items } of this.#waiting) {
      if (callers > 0 && size + items.length > this.#options.atMost) break;
      size += items.length;
      callers += 1;
    }
    return this.#waiting.splice(0, callers);
  }

  async #writeTogether(group: readonly Waiting<T>[]): Promise<void> {
    try {
      await this.#options.write(group.flatMap(({ items }) => items));
      for (const { resolve } of group) resolve();
    } catch (error) {
      if (group.length === 1 || this.#options.concernsAll(error)) return group.forEach(({ reject }) => reject(error));
      // Nobody shall pay for what another one brought.
      for (const alone of group) await this.#writeTogether([alone]);
    }
  }
}
