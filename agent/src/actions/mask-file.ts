import { closeSync, constants, readSync, rmSync, writeSync } from 'node:fs';
import { openPlainFile, plainFileSize } from '../logs/plain-file.js';
import type { SecretMask } from '../nodes/mask-secrets.js';

const windowBytes = 256 * 1024;

/** Stars secrets in a file, where they stand. What cannot be rewritten is removed. */
export function maskFile(file: string, mask: SecretMask): void {
  if (mask.longestBytes === 0 || plainFileSize(file) === 0) return;
  try {
    rewrite(file, mask);
  } catch {
    rmSync(file, { force: true });
  }
}

/** Each window reaches so far into the next that no secret lies across an edge. */
function rewrite(file: string, mask: SecretMask): void {
  const descriptor = openPlainFile(file, constants.O_RDWR);
  const buffer = Buffer.alloc(windowBytes + mask.longestBytes);
  try {
    for (let offset = 0; ; offset += windowBytes) {
      const found = buffer.subarray(0, readSync(descriptor, buffer, 0, buffer.length, offset));
      const starred = mask.bytes(found);
      if (!starred.equals(found)) writeSync(descriptor, starred, 0, starred.length, offset);
      if (found.length < buffer.length) return;
    }
  } finally {
    closeSync(descriptor);
  }
}
