import { limits } from '@wombat/proto';
import { LogStream, Outcome, type ChannelData, type ExecOutcome, type ExitStatus as WireExit } from '@wombat/proto/agent';
import type { ExitStatus, JobTarget, OutcomeWord } from '../../domain/model/job.js';
import { storedErrorOf } from '../events.js';

/** Where the rest of an output comes from. */
export interface OutputReader {
  /** Nothing is fetched for an outcome that is not wanted, or is here already. */
  isAwaited(): Promise<boolean>;
  read(stream: LogStream, offset: number, signal: AbortSignal): AsyncIterable<ChannelData>;
  failed(error: unknown): void;
}

const words: Readonly<Partial<Record<Outcome, OutcomeWord>>> = {
  [Outcome.OK]: 'ok',
  [Outcome.FAILED]: 'failed',
  [Outcome.TIMED_OUT]: 'timed_out',
  [Outcome.KILLED]: 'killed',
  [Outcome.LOST_DURING_RUN]: 'lost_during_run',
  [Outcome.REJECTED]: 'rejected',
};
/** What is kept of each stream in the store. */
const keptOutputBytes = 1024 * 1024;
const partBytes = keptOutputBytes / 2;

const readTimeoutMs = 30_000;

interface Output {
  readonly bytes: Buffer;
  readonly lostBytes: number;
  /** Where in the bytes the lost ones would stand. */
  readonly lostAt: number;
}

/** What is stored of an outcome. Its head comes with it, the rest of a longer output is read from the host. */
export async function outcomeFields(outcome: ExecOutcome, reader: OutputReader): Promise<Partial<JobTarget>> {
  const [stdout, stderr] = await Promise.all([wholeStream(outcome, LogStream.STDOUT, reader), wholeStream(outcome, LogStream.STDERR, reader)]);
  return {
    outcome: words[outcome.outcome] ?? 'lost_during_run',
    stdout: stdout.bytes.toString('base64'),
    stderr: stderr.bytes.toString('base64'),
    stdoutLostBytes: stdout.lostBytes,
    stderrLostBytes: stderr.lostBytes,
    ...(stdout.lostBytes > 0 && { stdoutLostAt: stdout.lostAt }),
    ...(stderr.lostBytes > 0 && { stderrLostAt: stderr.lostAt }),
    ...(outcome.exit ? { exit: exitOf(outcome.exit) } : {}),
    ...(outcome.startedAt ? { startedAt: outcome.startedAt.getTime() } : {}),
    ...(outcome.finishedAt ? { finishedAt: outcome.finishedAt.getTime() } : {}),
    ...(outcome.error ? { error: storedErrorOf(outcome.error) } : {}),
  };
}

const nothing = Buffer.alloc(0);
const bytesOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/** All of a stream; of a long one its first and its last part. */
async function wholeStream(outcome: ExecOutcome, stream: LogStream, reader: OutputReader): Promise<Output> {
  const told = stream === LogStream.STDOUT ? outcome.stdout : outcome.stderr;
  const head = bytesOf(told?.head ?? nothing).subarray(0, keptOutputBytes);
  const sizeBytes = Math.max(Number(told?.sizeBytes ?? 0), head.length);
  if (sizeBytes === head.length || head.length < limits.outcomeHeadBytes || !(await reader.isAwaited())) return outputOf(sizeBytes, head);
  const isWhole = told?.lostBytes === 0n && sizeBytes <= keptOutputBytes;
  const first = [head];
  const last: Buffer[] = [];
  try {
    const firstBytes = isWhole ? keptOutputBytes : partBytes;
    await readPart(reader, stream, head.length, firstBytes - head.length, first);
    if (!isWhole) await readPart(reader, stream, Math.max(Buffer.concat(first).length, sizeBytes - partBytes), partBytes, last);
  } catch (error) {
    reader.failed(error);
  }
  return outputOf(sizeBytes, Buffer.concat(first), Buffer.concat(last));
}

/** From an offset on, up to a size, or to where some are lost. */
async function readPart(reader: OutputReader, stream: LogStream, offset: number, sizeBytes: number, chunks: Buffer[]): Promise<void> {
  let have = 0;
  for await (const { data, lostBytes } of reader.read(stream, offset, AbortSignal.timeout(readTimeoutMs))) {
    // Only what begins with a loss may go on behind it.
    if (lostBytes > 0n && chunks.length > 0) return;
    chunks.push(Buffer.from(data.subarray(0, sizeBytes - have)));
    have += data.length;
    if (have >= sizeBytes) return;
  }
}

function outputOf(sizeBytes: number, first: Buffer, last?: Buffer): Output {
  const bytes = last ? Buffer.concat([first, last]) : first;
  return { bytes, lostBytes: Math.max(0, sizeBytes - bytes.length), lostAt: first.length };
}

function exitOf(exit: WireExit): ExitStatus {
  if (exit.kind?.$case === 'code') return { code: exit.kind.value };
  if (exit.kind?.$case === 'signal') return { signal: exit.kind.value };
  return { unknown: true };
}
