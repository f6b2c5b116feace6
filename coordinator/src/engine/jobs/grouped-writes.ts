import { setImmediate } from 'node:timers/promises';

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
  /** Whether more than so many may come in a moment: then they are waited for, but not long. @default never */
  readonly expectsMore?: (size: number) => boolean;
}

/** Nobody who waits for an answer notices. */
const waitMs = 20;

/**
 * Writes for many callers: what they bring while a write goes on is put together for the next one. Thousands of hosts
 * answer a command in the same moment, and to store each answer by itself would cost a flush of the disk each.
 */
export class GroupedWrites<T> {
  readonly #options: GroupedWritesOptions<T>;
  readonly #waiting: Waiting<T>[] = [];
  #size = 0;
  #isWriting = false;
  /** Ends the wait for more. */
  #enough = (): void => undefined;

  constructor(options: GroupedWritesOptions<T>) {
    this.#options = options;
  }

  /** Resolves when these are written, and rejects with what kept just these from it. */
  add(items: readonly T[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ items, resolve, reject });
      this.#size += items.length;
      if (!this.#isWriting) void this.#writeAll();
      else if (this.#isFull()) this.#enough();
    });
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    // Whoever comes in the same turn of the loop comes along.
    await setImmediate();
    while (this.#waiting.length > 0) {
      if (!this.#isFull()) await this.#more();
      await this.#writeTogether(this.#takeGroup());
    }
    this.#isWriting = false;
  }

  #isFull(): boolean {
    return this.#size >= this.#options.atMost || !this.#options.expectsMore?.(this.#size);
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#enough = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #takeGroup(): Waiting<T>[] {
    let [size, callers] = [0, 0];
    for (const { items } of this.#waiting) {
      if (callers > 0 && size + items.length > this.#options.atMost) break;
      size += items.length;
      callers += 1;
    }
    this.#size -= size;
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
