import type { ExecProgress } from '@wombat/proto/agent';

export type ProgressListener = (hostId: string, progress: ExecProgress) => void;

/** What commands write that still run, for whoever looks on at that moment; nothing of it is kept. */
export class LiveOutputs {
  readonly #listeners = new Map<string, Set<ProgressListener>>();

  /** Answers the function that ends it. */
  follow(jobId: string, listener: ProgressListener): () => void {
    const listeners = this.#listeners.get(jobId) ?? new Set();
    this.#listeners.set(jobId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(jobId) === listeners) this.#listeners.delete(jobId);
    };
  }

  tell(hostId: string, progress: ExecProgress): void {
    for (const listener of this.#listeners.get(progress.jobId) ?? []) listener(hostId, progress);
  }
}
