import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Script } from '../releases.js';
import { treeDigest } from './look-at-disk.js';

const run = 'echo "$WOMBAT_EXEC_ID" >>"$WOMBAT_DATA_DIR/runs"';

/** A release whose programs tell of themselves: each start, and each command of whatever kind, leaves a line. */
export const tellingScripts: readonly Script[] = [
  { name: 'start', lines: ['echo start >>"$WOMBAT_DATA_DIR/starts"', 'exec sleep 1000000'] },
  { name: 'join', lines: [run] },
  { name: 'leave', lines: [run] },
  { name: 'drain', lines: [run] },
  { name: 'work', lines: [run, 'echo worked'] },
];

/** What `bin/work` prints. */
export const tellingOutput = 'worked\n';

/** Large enough to be found half loaded, and half unpacked. */
export const tellingFiles = [
  { path: 'wombat.release.yaml', contents: Buffer.from('apiVersion: wombat/v1\nname: telling\nversion: "1"\nstart: bin/start\ndrain: bin/drain\n') },
  ...Array.from({ length: 24 }, (_, index) => ({ path: `data/${index}/payload`, contents: randomBytes(16 * 1024) })),
];

/** Of the release's whole tree. Made in the directory, of which nothing is left. */
export function tellingDigest(directory: string): string {
  const unpacked = join(directory, 'unpacked');
  try {
    for (const { name, lines } of tellingScripts) write(join(unpacked, 'bin', name), ['#!/bin/sh', ...lines, ''].join('\n'), 0o755);
    for (const { path, contents } of tellingFiles) write(join(unpacked, path), contents, 0o644);
    return treeDigest(unpacked)!;
  } finally {
    rmSync(unpacked, { recursive: true, force: true });
  }
}

function write(path: string, contents: string | Buffer, mode: number): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, contents, { mode });
}
