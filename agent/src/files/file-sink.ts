/** Where the bytes of a file go on their way: beside its target, and never under its name before all are there. */
export interface FileSink {
  write(chunk: Uint8Array): Promise<void>;
  /** All of it is on the disk and has its name when it resolves. */
  commit(): Promise<void>;
  /** Nothing of it is left. Harmless after `commit`. */
  discard(): Promise<void>;
}

export interface SinkRequest {
  /** Of the directory, open. */
  readonly directory: number;
  readonly name: string;
  /** The same for the same file on the same target: what an agent that was killed has left is found by it. */
  readonly temporaryName: string;
  readonly mode: number;
}
