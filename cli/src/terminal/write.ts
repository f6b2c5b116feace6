import type { OutputStream } from './io.js';

/** Resolves when whoever reads has room for more, or when nobody waits any longer. */
export async function written(out: OutputStream, data: Uint8Array | string, signal: AbortSignal): Promise<void> {
  if (data.length === 0 || out.write(data) || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      out.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    out.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
}
