/** What a plugin is held to. */
export interface Bounds {
  /** From the start of the program until it serves. */
  readonly handshakeMs: number;
  /** Until a plugin that is started by hand has ended. */
  readonly refusalMs: number;
  /** Until a plugin whose call was cancelled answers another. */
  readonly abortMs: number;
  /** From the closing of its standard input to its end. */
  readonly stopMs: number;
  /** Until it says that it is throttled. */
  readonly throttledMs: number;
  /** Until a strategy answers: the coordinator waits no longer. */
  readonly answerMs: number;
  /** For any other call. */
  readonly callMs: number;
  readonly memoryBytes: number;
}

const bounds: Bounds = {
  handshakeMs: 2_000, refusalMs: 5_000, abortMs: 1_000, stopMs: 5_000, throttledMs: 2_000, answerMs: 10_000, callMs: 60_000, memoryBytes: 150_000_000,
};

/** For a machine that has other things to do, times are stretched. */
export function boundsWith(slack: number): Bounds {
  const { memoryBytes, ...times } = bounds;
  return { memoryBytes, ...(Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, ms * slack])) as unknown as Omit<Bounds, 'memoryBytes'>) };
}
