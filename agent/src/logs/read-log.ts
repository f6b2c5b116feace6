import { limits, type Clock } from '@wombat/proto';
import type { ChannelData } from '@wombat/proto/agent';
import type { LogSegment } from './log-segment.js';
import { readSegments, tailOffset } from './read-segments.js';

export interface LogQuery {
  /** Undefined: the last `tailLines` lines. */
  readonly offset: number | undefined;
  readonly tailLines: number;
  readonly follow: boolean;
}

export const followPauseMs = 200;

/** Reads a log by offset over its files; what is no longer kept is told as lost. Follows until the signal fires. */
export async function* readLog(log: { segments(): readonly LogSegment[] }, query: LogQuery, clock: Clock, signal: AbortSignal): AsyncGenerator<ChannelData> {
  let offset = query.offset ?? tailOffset(log.segments(), query.tailLines);
  while (!signal.aborted) {
    const chunk = readSegments(log.segments(), offset, limits.channelChunkBytes);
    if (chunk) {
      yield { offset: BigInt(chunk.offset), data: chunk.data, lostBytes: BigInt(chunk.lostBytes), log: undefined };
      offset = chunk.offset + chunk.data.length;
    } else if (query.follow) {
      await clock.sleep(followPauseMs, signal).catch(() => undefined);
    } else {
      return;
    }
  }
}
