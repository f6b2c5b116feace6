import { WombatError } from '@wombat/proto';

/** What callers of the store are told of SQLite's own errors. A statement that is wrong keeps its error. */
export function asStoreError(error: unknown): unknown {
  const { code = '' } = error as { readonly code?: string };
  // On a full disk the file next to the log of writes cannot grow either, which SQLite tells as a failure of input and output.
  if (code === 'SQLITE_FULL' || isOutOfSpace(code)) return new WombatError('WO_STORE_FULL', 'the disk of the store is full', { cause: error });
  if (isBusy(error)) return new WombatError('WO_STORE_BUSY', 'another process holds the store locked', { cause: error });
  if (code.startsWith('SQLITE_READONLY')) return new WombatError('WO_STORE_UNUSABLE', 'the store cannot be written to', { cause: error });
  return error;
}

export function isBusy(error: unknown): boolean {
  return ((error as { readonly code?: string }).code ?? '').startsWith('SQLITE_BUSY');
}

function isOutOfSpace(code: string): boolean {
  return code === 'SQLITE_IOERR_WRITE' || code === 'SQLITE_IOERR_SHMSIZE' || code === 'SQLITE_IOERR_FSYNC';
}
