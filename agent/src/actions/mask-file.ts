import { closeSync, constants, readSync, rmSync, writeSync } from 'node:fs';
import type { LogSegment } from '../logs/log-segment.js';
import { openPlainFile } from '../logs/plain-file.js';
import type { SecretMask } from '../nodes/mask-secrets.js';

export interface FileRange extends Pick<LogSegment, 'position' | 'sizeBytes'> {
  readonly file: string;
}

/** What was written in one piece, in the order of its ranges. */
export interface MaskedText {
  readonly ranges: readonly FileRange[];
  /** It has lost what stood before it: what may be the end of a secret is starred. */
  readonly tornBefore: boolean;
  /** It has lost what stood behind it: what may be the beginning of a secret is starred. */
  readonly tornAfter: boolean;
}

const windowBytes = 256 * 1024;

/** Stars secrets where they stand. Files that cannot be rewritten are removed. */
export function maskText(text: MaskedText, mask: SecretMask): void {
  const sizeBytes = text.ranges.reduce((sum, range) => sum + range.sizeBytes, 0);
  if (mask.isEmpty || sizeBytes === 0) return;
  try {
    rewrite(text, sizeBytes, mask);
  } catch {
    for (const { file } of text.ranges) rmSync(file, { force: true });
  }
}

/** Each window is seen with what stands on both sides of it, as it was written, so that no secret lies across an edge. */
function rewrite({ ranges, tornBefore, tornAfter }: MaskedText, sizeBytes: number, mask: SecretMask): void {
  let before = Buffer.alloc(0);
  for (let offset = 0; offset < sizeBytes; offset += windowBytes) {
    const ahead = read(ranges, offset, Math.min(windowBytes + mask.reachBytes, sizeBytes - offset));
    const written = Buffer.concat([before, ahead]);
    const shown = mask.bytes(written);
    if (tornBefore && offset === 0) shown.fill('*', 0, mask.tornBytes(written));
    if (tornAfter && offset + ahead.length === sizeBytes) shown.fill('*', shown.length - mask.openBytes(written));
    const inWindow = [before.length, before.length + windowBytes] as const;
    if (!shown.equals(written)) write(ranges, offset, shown.subarray(...inWindow));
    before = written.subarray(0, inWindow[1]).subarray(-mask.reachBytes);
  }
}

function read(ranges: readonly FileRange[], offset: number, sizeBytes: number): Buffer {
  const buffer = Buffer.alloc(sizeBytes);
  each(ranges, offset, sizeBytes, constants.O_RDONLY, (descriptor, from, to, position) => readSync(descriptor, buffer, from, to - from, position));
  return buffer;
}

function write(ranges: readonly FileRange[], offset: number, bytes: Buffer): void {
  each(ranges, offset, bytes.length, constants.O_WRONLY, (descriptor, from, to, position) => writeSync(descriptor, bytes, from, to - from, position));
}

/** Calls with the parts [from, to) of `sizeBytes` at `offset`, and where in its file each begins. */
function each(ranges: readonly FileRange[], offset: number, sizeBytes: number, flags: number, call: (descriptor: number, from: number, to: number, position: number) => number): void {
  let start = -offset;
  for (const range of ranges) {
    const [from, to] = [Math.max(0, start), Math.min(sizeBytes, start + range.sizeBytes)];
    if (from < to) {
      const descriptor = openPlainFile(range.file, flags);
      try {
        if (call(descriptor, from, to, range.position + from - start) !== to - from) throw new Error(`${range.file} was cut`);
      } finally {
        closeSync(descriptor);
      }
    }
    start += range.sizeBytes;
  }
}
