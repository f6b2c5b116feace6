import { statfsSync } from 'node:fs';
import path from 'node:path';
import { WombatError } from '@wombat/proto';

/** SQLite grows its files by less at a time. */
const roomBytes = 1024 * 1024;
/** What it tells of a disk that takes no more, for whatever reason. */
const writing = /^SQLITE_IOERR_(?:WRITE|FSYNC|DIR_FSYNC|TRUNCATE|SHMSIZE|SHMOPEN|SHMMAP)$/;

/** What callers of the store are told of SQLite's own errors. A statement that is wrong keeps its error. */
export function asStoreError(error: unknown, file: string): unknown {
  const { code = '', message = '' } = error as { readonly code?: string; readonly message?: string };
  if (code === 'SQLITE_FULL' || (writing.test(code) && !hasRoom(file))) return new WombatError('WO_STORE_FULL', 'the disk of the store is full', { cause: error });
  if (isBusy(error)) return new WombatError('WO_STORE_BUSY', 'another process holds the store locked', { cause: error });
  if (code.startsWith('SQLITE_READONLY') || writing.test(code)) return new WombatError('WO_STORE_READ_ONLY', `the store cannot be written to: ${message}`, { cause: error });
  return error;
}

export function isBusy(error: unknown): boolean {
  return ((error as { readonly code?: string }).code ?? '').startsWith('SQLITE_BUSY');
}

function hasRoom(file: string): boolean {
  const { bavail, bsize } = statfsSync(path.dirname(file));
  return bavail * bsize >= roomBytes;
}
