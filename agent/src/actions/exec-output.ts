import { closeSync, openSync, readSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { limits } from '@wombat/proto';
import { LogStream, type ExecOutput } from '@wombat/proto/agent';

/**
 * What one command writes: its first bytes up to a limit. The writer appends, so a file that has
 * grown past the limit is cut back to it, and what was cut is counted.
 */
export class ExecOutputFiles {
  readonly stdoutFile: string;
  readonly stderrFile: string;
  readonly #limitBytes: number;
  readonly #lost = { stdout: 0, stderr: 0 };

  constructor(directory: string, limitBytes: number) {
    this.stdoutFile = outputFile(directory, LogStream.STDOUT);
    this.stderrFile = outputFile(directory, LogStream.STDERR);
    this.#limitBytes = limitBytes;
  }

  trim(): void {
    this.#lost.stdout += cutBack(this.stdoutFile, this.#limitBytes);
    this.#lost.stderr += cutBack(this.stderrFile, this.#limitBytes);
  }

  /** To be asked for after the end of the command. */
  result(): { stdout: ExecOutput; stderr: ExecOutput } {
    this.trim();
    return { stdout: outputOf(this.stdoutFile, this.#lost.stdout), stderr: outputOf(this.stderrFile, this.#lost.stderr) };
  }
}

export function outputFile(directory: string, stream: LogStream): string {
  return join(directory, stream === LogStream.STDERR ? 'stderr' : 'stdout');
}

export function outputFiles(directory: string): string[] {
  return [outputFile(directory, LogStream.STDOUT), outputFile(directory, LogStream.STDERR)];
}

function cutBack(file: string, limitBytes: number): number {
  const excess = sizeOf(file) - limitBytes;
  if (excess <= 0) return 0;
  truncateSync(file, limitBytes);
  return excess;
}

/** Size is what the command wrote, lost bytes among it. */
function outputOf(file: string, lostBytes: number): ExecOutput {
  const keptBytes = sizeOf(file);
  return { head: readHead(file, Math.min(keptBytes, limits.outcomeHeadBytes)), sizeBytes: BigInt(keptBytes + lostBytes), lostBytes: BigInt(lostBytes) };
}

function readHead(file: string, sizeBytes: number): Buffer {
  if (sizeBytes === 0) return Buffer.alloc(0);
  const descriptor = openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(sizeBytes);
    return buffer.subarray(0, readSync(descriptor, buffer, 0, sizeBytes, 0));
  } finally {
    closeSync(descriptor);
  }
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}
