import { statfs } from 'node:fs/promises';
import { WombatError } from '@wombat/proto';

/** Compressed, unpacked and one root: what a release takes at most, over its unpacked size. */
const spaceFactor = 2.2;

/** WO_DISK_FULL for what a full disk or a used-up quota throws; anything else as it is. */
export async function asDiskFull(error: unknown, directory: string, neededBytes: number, what = 'the release needs'): Promise<unknown> {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return diskFull(neededBytes, await freeBytes(directory), what, error);
}

/** For a release of this size, as far as that is known. @throws WombatError WO_DISK_FULL, WO_DISK_TOO_SMALL before anything is written */
export async function checkSpace(directory: string, releaseBytes: number, alreadyBytes: number, what = 'the release'): Promise<void> {
  const neededBytes = Math.ceil(releaseBytes * spaceFactor) - alreadyBytes;
  await requireSpace(directory, neededBytes, `${what} needs`);
}

/** @throws WombatError WO_DISK_FULL when that much may become free, WO_DISK_TOO_SMALL when it never can */
export async function requireSpace(directory: string, neededBytes: number, what: string): Promise<void> {
  const { bavail, blocks, bsize } = await statfs(directory);
  const free = bavail * bsize;
  const total = blocks * bsize;
  if (neededBytes > total) {
    throw new WombatError('WO_DISK_TOO_SMALL', `${what} ${neededBytes} bytes, the whole disk has ${total}`, {
      details: { neededBytes: String(neededBytes), totalBytes: String(total) },
    });
  }
  if (free < neededBytes) throw diskFull(neededBytes, free, what);
}

async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

function diskFull(neededBytes: number, free: number, what: string, cause?: unknown): WombatError {
  return new WombatError('WO_DISK_FULL', `${what} ${neededBytes} bytes, ${free} are free`, {
    details: { neededBytes: String(neededBytes), freeBytes: String(free) },
    ...(cause === undefined ? {} : { cause }),
  });
}
