import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { checkSqliteStore } from './copy.js';

const timeoutMs = 60_000;

/** Reads every page of the store, which takes a second for each gigabyte or so: in a thread, so that nobody waits for it. */
export function checkInThread(file: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { checkStore: file } });
    const end = (damage: string | undefined): void => {
      clearTimeout(timer);
      resolve(damage);
      void worker.terminate();
    };
    const timer = setTimeout(() => end(`the check took longer than ${timeoutMs / 1000} s`), timeoutMs);
    worker.once('message', (damage: string | undefined) => end(damage));
    worker.once('error', (error) => end(error.message));
  });
}

const asked = workerData as { readonly checkStore?: string } | null;
if (!isMainThread && asked?.checkStore !== undefined) parentPort?.postMessage(checkSqliteStore(asked.checkStore));
