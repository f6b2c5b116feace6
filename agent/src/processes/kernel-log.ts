import { closeSync, constants, openSync, readSync } from 'node:fs';
import type { ProcessIdentity } from '@wombat/proto/processes';

/** The kernel keeps about a megabyte; no more is looked through for one process. */
const mostRecords = 20_000;
const recordBytes = 8_192;
/** Of the start time of a process, on every Linux there is. */
const ticksPerSecond = 100;

/**
 * Whether the kernel has said that it killed this process since the machine was short of memory. False where its log cannot be
 * read. Times tell it from an earlier process with the same number.
 */
export function killedForMemory({ pid, startTime }: ProcessIdentity, records: Iterable<string> = kernelRecords()): boolean {
  const startedAtS = Number(startTime) / ticksPerSecond;
  for (const record of records) {
    const match = /^\d+,\d+,(\d+),[^;]*;.*\bKilled process (\d+) /.exec(record);
    if (match && Number(match[2]) === pid && Number(match[1]) / 1e6 >= startedAtS - 1) return true;
  }
  return false;
}

/** Records as /dev/kmsg gives them: "level,sequence,microseconds,flags;text". */
function* kernelRecords(): Generator<string> {
  let descriptor: number;
  try {
    descriptor = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return;
  }
  try {
    const buffer = Buffer.alloc(recordBytes);
    for (let count = 0; count < mostRecords; count++) {
      const record = readRecord(descriptor, buffer);
      if (record === undefined) return;
      yield record;
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Undefined: no more. A record that was overwritten meanwhile is an empty one. */
function readRecord(descriptor: number, buffer: Buffer): string | undefined {
  try {
    const size = readSync(descriptor, buffer, 0, buffer.length, null);
    return size === 0 ? undefined : buffer.subarray(0, size).toString('utf8');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPIPE' ? '' : undefined;
  }
}
