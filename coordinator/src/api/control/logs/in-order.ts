/** Streams one after another; the next few are begun while one is read. */
export async function* inOrder<T>(streams: readonly (() => AsyncGenerator<T>)[], ahead: number): AsyncGenerator<T> {
  const begun: { readonly stream: AsyncGenerator<T>; readonly first: Promise<IteratorResult<T>> }[] = [];
  let at = 0;
  const beginMore = (): void => {
    while (at < streams.length && begun.length <= ahead) {
      const stream = streams[at++]!();
      const first = stream.next();
      first.catch(() => undefined);
      begun.push({ stream, first });
    }
  };
  try {
    for (beginMore(); begun.length > 0; beginMore()) {
      const { stream, first } = begun[0]!;
      const head = await first;
      if (head.done !== true) {
        yield head.value;
        yield* stream;
      }
      begun.shift();
    }
  } finally {
    // Left early: what was begun holds channels open.
    for (const { stream } of begun) void stream.return(undefined).catch(() => undefined);
  }
}
