import { join } from 'node:path';
import { limits } from '@wombat/proto';
import { LogStream, type ExecOutput, type ExecProgress } from '@wombat/proto/agent';
import { readSegments } from '../logs/read-segments.js';
import type { SecretMask } from '../nodes/mask-secrets.js';
import { LiveOutput } from './live-output.js';
import { OutputRing } from './output-ring.js';

/** What one command writes to its two streams, each bounded. */
export class ExecOutputFiles {
  readonly stdoutFile: string;
  readonly stderrFile: string;
  readonly #stdout: OutputRing;
  readonly #stderr: OutputRing;
  readonly #live: readonly [stdout: LiveOutput, stderr: LiveOutput];

  constructor(directory: string, limitBytes: number) {
    [this.stdoutFile, this.stderrFile] = outputFiles(directory);
    this.#stdout = new OutputRing(this.stdoutFile, limitBytes);
    this.#stderr = new OutputRing(this.stderrFile, limitBytes);
    this.#live = [new LiveOutput(this.stdoutFile, limitBytes), new LiveOutput(this.stderrFile, limitBytes)];
  }

  /** While the command runs: what it has written since the last time, piece by piece. */
  tell(secrets: SecretMask, take: (piece: Omit<ExecProgress, 'jobId' | 'targetId'>) => boolean): void {
    for (const [isError, live] of this.#live.entries()) {
      live.tell(secrets, ({ offset, data }) => take({ stderr: isError === 1, offset: BigInt(offset), data }));
    }
  }

  trim(): void {
    this.#stdout.trim();
    this.#stderr.trim();
  }

  /** Takes away what nobody can star any more; its size stays known. */
  withhold(): void {
    this.#stdout.empty();
    this.#stderr.empty();
  }

  /** To be asked for after the end of the command. Secrets are starred in all that is kept: the coordinator stores it. */
  result(secrets: SecretMask): { stdout: ExecOutput; stderr: ExecOutput } {
    this.trim();
    for (const ring of [this.#stdout, this.#stderr]) ring.mask(secrets);
    return { stdout: outputOf(this.#stdout), stderr: outputOf(this.#stderr) };
  }
}

export function outputFile(directory: string, stream: LogStream): string {
  return join(directory, stream === LogStream.STDERR ? 'stderr' : 'stdout');
}

export function outputFiles(directory: string): [stdout: string, stderr: string] {
  return [outputFile(directory, LogStream.STDOUT), outputFile(directory, LogStream.STDERR)];
}

/** Size is what the command wrote, lost bytes among it. */
function outputOf(ring: OutputRing): ExecOutput {
  const { sizeBytes, lostBytes } = ring.extent();
  const [first] = ring.segments();
  const head = first && readSegments([first], 0, limits.outcomeHeadBytes)?.data;
  return { head: head ?? Buffer.alloc(0), sizeBytes: BigInt(sizeBytes), lostBytes: BigInt(lostBytes) };
}
