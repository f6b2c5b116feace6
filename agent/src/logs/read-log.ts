import { limits } from '@wombat/proto';
import type { ChannelData } from '@wombat/proto/agent';
import type { LogSegment } from './log-segment.js';
import { readSegments } from './read-segments.js';

/** Reads a log from an offset to its end, over its files; what is no longer kept is told as lost. */
export async function* readLog(log: { segments(): readonly LogSegment[] }, from: number, signal: AbortSignal): AsyncGenerator<ChannelData> {
  for (let offset = from; !signal.aborted; ) {
    const chunk = readSegments(log.segments(), offset, limits.channelChunkBytes);
    if (!chunk) return;
    yield { offset: BigInt(chunk.offset), data: chunk.data, lostBytes: BigInt(chunk.lostBytes), log: undefined };
    offset = chunk.offset + chunk.data.length;
  }
}
