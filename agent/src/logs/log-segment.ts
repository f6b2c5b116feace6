/** A part of a log that lies in one file. Offsets count all bytes that were ever written to the log. */
export interface LogSegment {
  /** Offset of its first byte. */
  readonly start: number;
  readonly sizeBytes: number;
  /** Where in the file the first byte stands. */
  readonly position: number;
  /** Before its first byte some may be missing, and nobody knows how many. */
  readonly torn: boolean;
  /** A descriptor to read from. Throws when the file is no longer there. */
  open(): number;
}

/** One past the newest byte. */
export function endOf(segments: readonly LogSegment[]): number {
  const last = segments.at(-1);
  return last ? last.start + last.sizeBytes : 0;
}

/** Of the oldest byte that is kept; the end when there is none. */
export function oldestOf(segments: readonly LogSegment[]): number {
  return segments.find(({ sizeBytes }) => sizeBytes > 0)?.start ?? endOf(segments);
}
