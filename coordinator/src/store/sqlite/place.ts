import type { Clock } from '@wombat/proto';
import type { StorePlace } from '../place.js';
import { checkInThread } from './check-in-thread.js';
import { copySqliteStore } from './copy.js';
import { openSqliteStore } from './open.js';

export function sqlitePlace(file: string, clock: Clock): StorePlace {
  return {
    description: 'SQLite',
    open: () => openSqliteStore({ file, clock }),
    check: async () => {
      const damage = await checkInThread(file);
      if (damage === undefined) return undefined;
      return { message: `the store is damaged: ${damage}`, hint: 'take a backup of what can be read, then restore the last good one: wo restore', code: 'WO_STORE_UNUSABLE' };
    },
    copy: (to) => copySqliteStore(file, to),
  };
}
