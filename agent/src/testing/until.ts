/** Waits for what happens on its own time; fails with `what` when it has not within ten seconds. */
export async function until<Value>(look: () => Value | undefined | false, what: string, timeoutMs = 10_000): Promise<Value> {
  const latest = performance.now() + timeoutMs;
  for (;;) {
    const seen = look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > latest) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
