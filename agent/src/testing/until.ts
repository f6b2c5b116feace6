type Seen<Value> = Value | undefined | false;

/** Waits for what happens on its own time; fails with `what` when it has not within half a minute. */
export async function until<Value>(look: () => Seen<Value> | Promise<Seen<Value>>, what: string, timeoutMs = 30_000): Promise<Value> {
  const latest = performance.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > latest) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
