export interface BlobIdentity {
  /** Lower-case hex. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** Bytes under their sha256. Whoever holds one reads the same bytes for ever, or none. */
export interface BlobStore {
  /**
   * Stores the bytes when they are what they are said to be; the source is left unread when they are there already.
   * @throws WombatError WO_ARTIFACT_CORRUPT, WO_ARTIFACT_TOO_LARGE, WO_DISK_FULL
   */
  put(source: AsyncIterable<Uint8Array>, expected: BlobIdentity, signal: AbortSignal): Promise<{ readonly existed: boolean }>;
  /**
   * In pieces of at most 256 KiB, from `offset` on.
   * @throws WombatError WO_NOT_FOUND, WO_INVALID_ARGUMENT when the offset lies behind the end
   */
  get(sha256: string, offset: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Size in bytes, or undefined when it is not there. */
  size(sha256: string): Promise<number | undefined>;
  /** The sha256 of each that has been there since before this time, milliseconds since 1970. */
  storedBefore(time: number): Promise<string[]>;
  /** Whether there was one. */
  delete(sha256: string): Promise<boolean>;
}
