import { durationToMs, limits, toErrorDetail, WombatError, type Clock } from '@wombat/proto';
import type { ChannelData, LogOf, LogsOfNode, ReadLogs } from '@wombat/proto/agent';
import type { LogSelection, LogStart } from '@wombat/proto/types';
import { LogCursor, type LogPiece } from '../logs/log-cursor.js';
import { endOf, oldestOf } from '../logs/log-segment.js';
import type { LogKeeper } from '../logs/log-keeper.js';
import { matchesPath } from '../logs/glob.js';
import type { LogSource, NodeLogs } from '../logs/node-logs.js';
import { tailOffset } from '../logs/read-segments.js';

/** One node of the request, and how far each of its logs has been read. */
interface Reading {
  readonly nodeId: string;
  readonly positions: ReadonlyMap<string, number>;
  readonly cursors: Map<string, LogCursor>;
  hasBegun: boolean;
  isOver: boolean;
}

/** Pieces in a row before others on this host get their turn. */
const piecesPerTurn = 16;
const followPauseMs = 200;

/** Logs of several nodes over one channel, in turns; follows until the signal fires or all nodes are gone. */
export async function* readLogs(request: ReadLogs, keeper: LogKeeper, clock: Clock, signal: AbortSignal): AsyncGenerator<ChannelData> {
  const readings = request.nodes.map(readingOf);
  let pieces = 0;
  for (;;) {
    let isIdle = true;
    for (const reading of readings) {
      if (reading.isOver) continue;
      for (const data of readNode(reading, request, keeper, clock.now())) {
        yield data;
        isIdle = false;
        if (signal.aborted) return;
        // What is written to the channel waits only when that is full.
        if (++pieces % piecesPerTurn === 0) await new Promise(setImmediate);
      }
    }
    if (readings.every(({ isOver }) => isOver) || signal.aborted) return;
    if (isIdle) await clock.sleep(followPauseMs, signal).catch(() => undefined);
  }
}

function readingOf({ nodeId, positions }: LogsOfNode): Reading {
  const known = new Map(positions.map(({ log, offset }) => [log, Number(offset)]));
  return { nodeId, positions: known, cursors: new Map(), hasBegun: known.size > 0, isOver: false };
}

/** One turn of one node. Without following, the turn that finds nothing more is its last. */
function* readNode(reading: Reading, request: ReadLogs, keeper: LogKeeper, nowMs: number): Generator<ChannelData> {
  const { nodeId } = reading;
  const found = keeper.logsOf(nodeId);
  if (!found) {
    if (request.follow && !reading.hasBegun) return;
    reading.isOver = true;
    const error = new WombatError('WO_CHANNEL_GONE', `there is no log of ${nodeId} on this host`);
    return yield about(nodeId, { error: toErrorDetail(error) });
  }
  const { logs, isRemoved } = found;
  if (!isRemoved) logs.refresh(nowMs);
  if (request.listOnly) {
    reading.isOver = true;
    return yield* list(nodeId, logs);
  }
  if (!reading.hasBegun && logs.omittedFiles > 0) yield about(nodeId, { omittedFiles: logs.omittedFiles });
  let pieces = 0;
  const selected = logs.sources().filter(({ name }) => isSelected(name, request.selection));
  yield* begin(reading, selected, request, nowMs);
  for (const source of selected) {
    const cursor = reading.cursors.get(source.name)!;
    for (let piece = cursor.next(source); piece; piece = cursor.next(source)) {
      pieces++;
      yield toData(nodeId, source.name, piece);
      // Followed logs take turns; the others are read one after another.
      if (request.follow && pieces % piecesPerTurn === 0) break;
    }
  }
  if (pieces > 0 || (request.follow && !isRemoved)) return;
  for (const [name, cursor] of reading.cursors) {
    const rest = cursor.finish();
    if (rest) yield toData(nodeId, name, rest);
  }
  reading.isOver = true;
  if (request.follow) yield about(nodeId, { ended: true });
}

/** Where each log begins is told at once, so that whoever loses the channel loses nothing. */
function* begin(reading: Reading, sources: readonly LogSource[], { start, filter, follow }: ReadLogs, nowMs: number): Generator<ChannelData> {
  const isLater = reading.hasBegun;
  reading.hasBegun = true;
  for (const source of sources) {
    if (reading.cursors.has(source.name)) continue;
    const known = reading.positions.get(source.name);
    const offset = known ?? (isLater ? oldestOf(source.segments()) : startOffset(source, start, nowMs));
    reading.cursors.set(source.name, new LogCursor(offset, known !== undefined, filter?.text ? filter : undefined));
    if (follow && known === undefined) yield toData(reading.nodeId, source.name, { offset, data: Buffer.alloc(0), nextOffset: offset, lostBytes: 0, torn: false });
  }
}

function startOffset(source: LogSource, start: LogStart | undefined, nowMs: number): number {
  const segments = source.segments();
  const since = start?.since;
  const timeMs = since?.$case === 'time' ? since.value.getTime() : since?.$case === 'ago' ? nowMs - (durationToMs(since.value) ?? 0) : undefined;
  if (timeMs !== undefined && timeMs > nowMs) return endOf(segments);
  const sinceOffset = timeMs === undefined ? undefined : source.offsetAt(timeMs);
  const tailed = start?.tailLines === undefined ? 0 : tailOffset(segments, start.tailLines);
  return Math.max(oldestOf(segments), sinceOffset ?? 0, tailed);
}

function isSelected(name: string, selection: LogSelection | undefined): boolean {
  if (name === 'stdout') return selection?.stdout ?? true;
  if (name === 'stderr') return selection?.stderr ?? true;
  return selection?.files.some((glob) => matchesPath(glob, name)) ?? false;
}

function* list(nodeId: string, logs: NodeLogs): Generator<ChannelData> {
  for (const source of logs.sources()) {
    const segments = source.segments();
    const log: LogOf = { ...aboutNode(nodeId), log: source.name, nextOffset: BigInt(endOf(segments)), modifiedAt: source.modifiedMs > 0 ? new Date(source.modifiedMs) : undefined };
    yield { offset: BigInt(oldestOf(segments)), data: Buffer.alloc(0), lostBytes: 0n, log };
  }
  if (logs.omittedFiles > 0) yield about(nodeId, { omittedFiles: logs.omittedFiles });
}

function toData(nodeId: string, name: string, { offset, data, nextOffset, lostBytes, torn }: LogPiece): ChannelData {
  return { offset: BigInt(offset), data, lostBytes: BigInt(lostBytes), log: { ...aboutNode(nodeId), log: name, nextOffset: BigInt(nextOffset), torn } };
}

function about(nodeId: string, fields: Partial<LogOf>): ChannelData {
  return { offset: 0n, data: Buffer.alloc(0), lostBytes: 0n, log: { ...aboutNode(nodeId), ...fields } };
}

function aboutNode(nodeId: string): LogOf {
  return { nodeId, log: '', nextOffset: 0n, torn: false, modifiedAt: undefined, omittedFiles: 0, ended: false, error: undefined };
}

/** @throws WombatError WO_INVALID_ARGUMENT */
export function checkReadLogs({ nodes, filter }: ReadLogs): void {
  if (nodes.length > limits.logNodes) throw new WombatError('WO_INVALID_ARGUMENT', `a channel carries the logs of ${limits.logNodes} nodes at most`);
  if ((filter?.text.length ?? 0) > limits.logFilterCharacters) throw new WombatError('WO_INVALID_ARGUMENT', `a filter has ${limits.logFilterCharacters} characters at most`);
}
