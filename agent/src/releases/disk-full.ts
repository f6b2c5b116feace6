import { statfs } from 'node:fs/promises';
import { WombatError } from '@wombat/proto';

/** Compressed, unpacked and one root: what a release takes at least, over the size of its tarball. */
const spaceFactor = 2.2;

/** WO_DISK_FULL for what a full disk or a used-up quota throws; anything else as it is. */
export async function asDiskFull(error: unknown, directory: string, neededBytes: number): Promise<unknown> {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return diskFull(neededBytes, await freeBytes(directory), error);
}

/** @throws WombatError WO_DISK_FULL before anything is fetched */
export async function checkSpace(directory: string, archiveBytes: number, alreadyBytes: number): Promise<void> {
  const neededBytes = Math.ceil(archiveBytes * spaceFactor) - alreadyBytes;
  const free = await freeBytes(directory);
  if (free < neededBytes) throw diskFull(neededBytes, free);
}

async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

function diskFull(neededBytes: number, free: number, cause?: unknown): WombatError {
  return new WombatError('WO_DISK_FULL', `the release needs ${neededBytes} bytes, ${free} are free`, {
    details: { neededBytes: String(neededBytes), freeBytes: String(free) },
    ...(cause === undefined ? {} : { cause }),
  });
}
