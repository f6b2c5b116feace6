import type { JobOutput, JobTarget } from '@wombat/proto/control';

interface Shown {
  /** Whole lines that were handed out, in bytes. */
  readonly bytes: number;
  /** The beginning of the next one. */
  readonly line: Buffer;
}

const newline = 10;
const nothing: Shown = { bytes: 0, line: Buffer.alloc(0) };

/** How much of its output is shown of each target that still runs. */
export class ShownOutput {
  readonly #streams = new Map<string, Shown>();

  /** The lines that a piece makes whole. None where something before it is missing: that comes with the outcome. */
  take({ targetId, stderr, offset, data }: JobOutput): Buffer {
    const { bytes, line } = this.#of(targetId, stderr);
    const seenBytes = bytes + line.length - Number(offset);
    if (seenBytes < 0 || seenBytes >= data.length) return nothing.line;
    const all = Buffer.concat([line, data.subarray(seenBytes)]);
    const end = all.lastIndexOf(newline) + 1;
    this.#streams.set(keyOf(targetId, stderr), { bytes: bytes + end, line: all.subarray(end) });
    return all.subarray(0, end);
  }

  /** The target with that of its output which was not shown; it is forgotten. */
  rest(target: JobTarget): JobTarget {
    const { targetId, stdoutLostBytes, stdoutLostAt, stderrLostBytes, stderrLostAt } = target;
    const stdout = behind(target.stdout, this.#of(targetId, false).bytes, stdoutLostBytes, stdoutLostAt);
    const stderr = behind(target.stderr, this.#of(targetId, true).bytes, stderrLostBytes, stderrLostAt);
    for (const isError of [false, true]) this.#streams.delete(keyOf(targetId, isError));
    return { ...target, stdout, stderr };
  }

  #of(targetId: string, isError: boolean): Shown {
    return this.#streams.get(keyOf(targetId, isError)) ?? nothing;
  }
}

/** What is lost may have been shown. */
function behind(kept: Buffer, shownBytes: number, lostBytes: bigint, lostAt: bigint): Buffer {
  return kept.subarray(lostBytes > 0n ? Math.min(shownBytes, Number(lostAt)) : shownBytes);
}

function keyOf(targetId: string, isError: boolean): string {
  return `${targetId} ${isError ? 'stderr' : 'stdout'}`;
}
