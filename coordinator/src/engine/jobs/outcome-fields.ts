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

const readTimeoutMs = 30_000;

interface Output {
  readonly bytes: Buffer;
  readonly lostBytes: number;
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
    ...(outcome.exit ? { exit: exitOf(outcome.exit) } : {}),
    ...(outcome.startedAt ? { startedAt: outcome.startedAt.getTime() } : {}),
    ...(outcome.finishedAt ? { finishedAt: outcome.finishedAt.getTime() } : {}),
    ...(outcome.error ? { error: storedErrorOf(outcome.error) } : {}),
  };
}

async function wholeStream(outcome: ExecOutcome, stream: LogStream, reader: OutputReader): Promise<Output> {
  const told = stream === LogStream.STDOUT ? outcome.stdout : outcome.stderr;
  const head = Buffer.from(told?.head ?? []);
  const sizeBytes = Number(told?.sizeBytes ?? 0);
  const lostBytes = Number(told?.lostBytes ?? 0);
  const chunks = [head];
  let have = head.length;
  if (sizeBytes > have && have >= limits.outcomeHeadBytes && (await reader.isAwaited())) {
    try {
      for await (const chunk of reader.read(stream, have, AbortSignal.timeout(readTimeoutMs))) {
        chunks.push(Buffer.from(chunk.data));
        have += chunk.data.length;
        if (have >= keptOutputBytes) break;
      }
    } catch (error) {
      reader.failed(error);
    }
  }
  const bytes = Buffer.concat(chunks).subarray(0, keptOutputBytes);
  return { bytes, lostBytes: Math.max(lostBytes, sizeBytes - bytes.length) };
}

function exitOf(exit: WireExit): ExitStatus {
  if (exit.kind?.$case === 'code') return { code: exit.kind.value };
  if (exit.kind?.$case === 'signal') return { signal: exit.kind.value };
  return { unknown: true };
}
