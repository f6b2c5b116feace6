import { closeSync, readSync } from 'node:fs';
import { limits, type Clock } from '@wombat/proto';
import type { ChannelData } from '@wombat/proto/agent';
import type { LogFile, LogSegment } from './log-file.js';
import { openPlainFile } from './plain-file.js';

export interface LogQuery {
  /** Undefined: the last `tailLines` lines. */
  readonly offset: number | undefined;
  readonly tailLines: number;
  readonly follow: boolean;
}

const followPauseMs = 200;
/** How far back the beginning of the last lines is looked for. */
const tailReachBytes = 4 * 1024 * 1024;

/** Reads a log by offset over its files; what is no longer kept is told as lost. Follows until the signal fires. */
export async function* readLog(log: LogFile, query: LogQuery, clock: Clock, signal: AbortSignal): AsyncGenerator<ChannelData> {
  let offset = query.offset ?? tailOffset(log.segments(), query.tailLines);
  while (!signal.aborted) {
    const chunk = readChunk(log.segments(), offset);
    if (chunk) {
      yield chunk;
      offset = Number(chunk.offset) + chunk.data.length;
    } else if (query.follow) {
      await clock.sleep(followPauseMs, signal).catch(() => undefined);
    } else {
      return;
    }
  }
}

/** The next bytes at or after an offset; undefined when there are none. In one go, so that no rotation comes between. */
function readChunk(segments: readonly LogSegment[], offset: number): ChannelData | undefined {
  for (const { file, start, sizeBytes } of segments) {
    if (offset >= start + sizeBytes || sizeBytes === 0) continue;
    const from = Math.max(offset, start);
    const data = readAt(file, from - start, Math.min(limits.channelChunkBytes, start + sizeBytes - from));
    if (data.length > 0) return { offset: BigInt(from), data, lostBytes: BigInt(from - offset) };
  }
  return undefined;
}

function tailOffset(segments: readonly LogSegment[], lines: number): number {
  const end = endOf(segments);
  if (lines === 0) return end;
  let wanted = lines;
  let reached = end;
  for (const { file, start, sizeBytes } of [...segments].reverse()) {
    const length = Math.min(sizeBytes, tailReachBytes - (end - reached));
    const bytes = readAt(file, sizeBytes - length, length);
    const base = start + sizeBytes - length;
    for (let at = bytes.length - 1; at >= 0; at--) {
      // The newline at the very end belongs to the last line.
      if (bytes[at] !== 10 || base + at === end - 1) continue;
      if (--wanted <= 0) return base + at + 1;
    }
    reached = base;
    if (end - reached >= tailReachBytes) break;
  }
  return reached;
}

function endOf(segments: readonly LogSegment[]): number {
  const last = segments.at(-1);
  return last ? last.start + last.sizeBytes : 0;
}

function readAt(file: string, position: number, length: number): Buffer {
  if (length <= 0) return Buffer.alloc(0);
  let descriptor: number;
  try {
    descriptor = openPlainFile(file);
  } catch {
    return Buffer.alloc(0);
  }
  try {
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, readSync(descriptor, buffer, 0, length, position));
  } finally {
    closeSync(descriptor);
  }
}
