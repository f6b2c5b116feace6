import type { Reader, Store } from '../store/store.js';

/** When the store was set up from a backup, last. */
export interface Restore {
  readonly backupAt: number;
  readonly restoredAt: number;
}

const metaKey = 'restored';

export async function rememberRestore(store: Store, restore: Restore): Promise<void> {
  await store.transaction(async (transaction) => {
    await transaction.meta.set(metaKey, JSON.stringify(restore));
    const backupAt = new Date(restore.backupAt).toISOString();
    await transaction.events.append({
      type: 'coordinator.restored', subjectId: '', subjectName: 'coordinator', reason: 'restored', payload: { backupAt },
      message: `this store was set up from the backup of ${backupAt}; what was changed after it is not known`,
    });
  });
}

export async function lastRestore(reader: Pick<Reader, 'meta'>): Promise<Restore | undefined> {
  const text = await reader.meta.get(metaKey);
  return text === undefined ? undefined : (JSON.parse(text) as Restore);
}
