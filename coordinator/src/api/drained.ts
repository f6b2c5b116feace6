import type { Writable } from 'node:stream';

/** Resolves when the call takes more again. @throws the signal's reason */
export function drained(call: Pick<Writable, 'on' | 'off'>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      call.off('drain', finish);
      signal.removeEventListener('abort', finish);
      if (signal.aborted) reject(signal.reason as Error);
      else resolve();
    };
    call.on('drain', finish);
    signal.addEventListener('abort', finish);
    if (signal.aborted) finish();
  });
}
