import { WombatError } from './errors/wombat-error.js';

/** A signal that fires with the parent's reason, or with WO_DEADLINE_EXCEEDED after `timeoutMs`. */
export function withDeadline(timeoutMs: number, what: string, parent?: AbortSignal): AbortSignal {
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(new WombatError('WO_DEADLINE_EXCEEDED', `${what} took longer than ${timeoutMs} ms`)),
    timeoutMs,
  );
  timer.unref();
  if (!parent) return controller.signal;
  return AbortSignal.any([controller.signal, parent]);
}

/** Rejects with the signal's reason as soon as it fires; the promise itself goes on unheard. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (onAbort) signal.removeEventListener('abort', onAbort);
  }
}
