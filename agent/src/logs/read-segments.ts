import { closeSync, readSync } from 'node:fs';
import { endOf, type LogSegment } from './log-segment.js';

/** Bytes of a log from one place on. */
export interface LogBytes {
  readonly offset: number;
  readonly data: Buffer;
  /** Bytes before it that were asked for and are no longer kept. */
  readonly lostBytes: number;
  readonly torn: boolean;
}

/** How far back the beginning of the last lines is looked for. */
const tailReachBytes = 4 * 1024 * 1024;
const tailStepBytes = 64 * 1024;

/** The next bytes at or after an offset; undefined when there are none. In one go, so that no rotation comes between. */
export function readSegments(segments: readonly LogSegment[], offset: number, maximumBytes: number): LogBytes | undefined {
  for (const segment of segments) {
    const { start, sizeBytes, torn } = segment;
    if (offset >= start + sizeBytes || sizeBytes === 0) continue;
    const from = Math.max(offset, start);
    const data = readAt(segment, from - start, Math.min(maximumBytes, start + sizeBytes - from));
    if (data.length > 0) return { offset: from, data, lostBytes: from - offset, torn: torn && from === start };
  }
  return undefined;
}

/** Where the last so many lines begin. */
export function tailOffset(segments: readonly LogSegment[], lines: number): number {
  const end = endOf(segments);
  if (lines === 0) return end;
  let wanted = lines;
  let reached = end;
  for (const segment of [...segments].reverse()) {
    for (let left = segment.sizeBytes; left > 0; ) {
      const length = Math.min(left, tailStepBytes, tailReachBytes - (end - reached));
      if (length <= 0) return reached;
      const bytes = readAt(segment, left - length, length);
      const base = segment.start + left - length;
      for (let at = bytes.length - 1; at >= 0; at--) {
        // The newline at the very end belongs to the last line.
        if (bytes[at] !== 10 || base + at === end - 1) continue;
        if (--wanted <= 0) return base + at + 1;
      }
      left -= length;
      reached = base;
    }
  }
  return reached;
}

function readAt(segment: LogSegment, from: number, length: number): Buffer {
  let descriptor: number;
  try {
    descriptor = segment.open();
  } catch {
    return Buffer.alloc(0);
  }
  try {
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, readSync(descriptor, buffer, 0, length, segment.position + from));
  } finally {
    closeSync(descriptor);
  }
}
