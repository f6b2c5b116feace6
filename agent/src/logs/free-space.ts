import { spawn } from 'node:child_process';
import { closeSync, constants, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openPlainFile } from './plain-file.js';

const blockBytes = 4096;
const freeTimeoutMs = 10_000;

/** Gives the blocks of a part of a file back; its size and the offsets in it stay. False: it could not be done. */
export async function freeBytes(file: string, from: number, to: number): Promise<boolean> {
  let descriptor: number;
  try {
    descriptor = openPlainFile(file, constants.O_RDWR);
  } catch {
    return false;
  }
  try {
    // By descriptor: whoever owns the directory cannot put another file in its place.
    const child = spawn('fallocate', ['-p', '-o', String(from), '-l', String(to - from), '/proc/self/fd/3'], { stdio: ['ignore', 'ignore', 'ignore', descriptor], timeout: freeTimeoutMs });
    return await new Promise<boolean>((resolve) => {
      child.once('error', () => resolve(false));
      child.once('exit', (code) => resolve(code === 0));
    });
  } finally {
    closeSync(descriptor);
  }
}

/** Whether the file system of a directory, and the programs of this host, can do that. */
export async function canFreeBytes(directory: string): Promise<boolean> {
  const probe = join(directory, 'free.probe');
  try {
    rmSync(probe, { recursive: true, force: true });
    writeFileSync(probe, Buffer.alloc(2 * blockBytes), { mode: 0o600, flag: 'wx' });
    return await freeBytes(probe, 0, blockBytes);
  } catch {
    return false;
  } finally {
    rmSync(probe, { force: true });
  }
}

/** Only whole blocks can be given back. */
export function wholeBlocks(offset: number): number {
  return offset - (offset % blockBytes);
}
