import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { tarBlocks, tarball, type TarItem } from '@wombat/proto/testing';

/** 64 MiB of zeros in 64 KiB. Answers the path. */
export function writeBomb(path: string): string {
  writeFileSync(path, gzipSync(tarball([{ path: 'bin/start', mode: 0o755, contents: Buffer.alloc(64 * 1024 * 1024) }]), { level: 9 }));
  return path;
}

/** So many empty files. Answers the path. */
export function writeManyEntries(path: string, amount: number): string {
  const file = openSync(path, 'w');
  for (let start = 0; start < amount; start += 1_000) {
    const items = Array.from({ length: 1_000 }, (_, index): TarItem => ({ path: `f/${start + index}` }));
    writeSync(file, Buffer.concat([...tarBlocks(items)]));
  }
  closeSync(file);
  return path;
}
