import type { ProviderCalls } from '../ports.js';
import type { Store } from '../../store/store.js';

const never = new Promise<never>(() => undefined);

/** What a process that dies holds in its hands: from then on nothing of it has an effect, and what it was writing is undone. */
export class Mortal {
  #isDead = false;

  die(): void {
    this.#isDead = true;
  }

  store(store: Store): Store {
    return {
      read: store.read,
      onCommit: (listener) => store.onCommit((commit) => {
        if (!this.#isDead) listener(commit);
      }),
      close: async () => undefined,
      transaction: async (work) => {
        if (this.#isDead) return never;
        try {
          return await store.transaction(async (transaction) => {
            const result = await work(transaction);
            if (this.#isDead) throw new Error('the process died before it could commit');
            return result;
          });
        } catch (error) {
          if (this.#isDead) return never;
          throw error;
        }
      },
    };
  }

  /** What was asked for before goes on at the other end; the answer reaches nobody. */
  calls(calls: ProviderCalls): ProviderCalls {
    const guarded = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => async (...args: A): Promise<R> => {
      if (this.#isDead) return never;
      try {
        const answer = await call(...args);
        return this.#isDead ? await never : answer;
      } catch (error) {
        if (this.#isDead) return never;
        throw error;
      }
    };
    return { ...calls, createHosts: guarded(calls.createHosts), listHosts: guarded(calls.listHosts), destroyHosts: guarded(calls.destroyHosts) };
  }
}
