/**
 * A controller that its parent aborts too, until `unlink()`. Unlike AbortSignal.any() it leaves
 * nothing behind on a parent that lives as long as the agent.
 */
export function linkedTo(parent: AbortSignal | undefined): { readonly controller: AbortController; unlink(): void } {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(parent?.reason);
  if (parent?.aborted) onAbort();
  parent?.addEventListener('abort', onAbort, { once: true });
  return { controller, unlink: () => parent?.removeEventListener('abort', onAbort) };
}

/** Resolves with the first of the two; leaves nothing behind on the signal. */
export async function settledOrAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const { controller, unlink } = linkedTo(signal);
  try {
    await Promise.race([promise, aborted(controller.signal)]);
  } finally {
    unlink();
  }
}

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
