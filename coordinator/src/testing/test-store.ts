import { join } from 'node:path';
import type { Clock } from '@wombat/proto';
import type { Test } from 'tap';
import type { Collection, Kind, Kinds, NewObject, Store, Transaction, WritableCollection } from '../store/store.js';
import { openSqliteStore } from '../store/sqlite/open.js';

/** A real store in a directory that goes with the test. */
export async function openTestStore(test: Test, clock: Clock, file = join(test.testdir(), 'wombat.db')): Promise<Store> {
  const store = await openSqliteStore({ file, clock });
  test.teardown(() => store.close());
  return store;
}

/** Writes rows as they are given, in one transaction. */
export async function put<K extends Kind>(store: Store, kind: K, ...rows: readonly NewObject<Kinds[K]>[]): Promise<void> {
  await store.transaction((transaction) => writable(transaction, kind).insertAll(rows));
}

/** Changes one row behind everybody's back. */
export async function change<K extends Kind>(store: Store, kind: K, id: string, fields: Partial<Kinds[K]>): Promise<Kinds[K]> {
  return store.transaction(async (transaction) => {
    const rows = writable(transaction, kind);
    const current = await rows.get(id);
    if (!current) throw new Error(`there is no ${kind} ${id}`);
    return rows.update({ ...current, ...fields });
  });
}

/** The object, which must be there. */
export async function row<K extends Kind>(store: Store, kind: K, id: string): Promise<Kinds[K]> {
  const found = await (store.read[kind] as unknown as Collection<K>).get(id);
  if (!found) throw new Error(`there is no ${kind} ${id}`);
  return found;
}

/** "type reason" of each event after a sequence number. */
export async function eventsAfter(store: Store, afterSequence = 0): Promise<string[]> {
  const events = await store.read.events.list({ afterSequence, limit: 10_000 });
  return events.map((event) => `${event.type} ${event.subjectName} ${event.reason}`);
}

function writable<K extends Kind>(transaction: Transaction, kind: K): WritableCollection<K> {
  return transaction[kind] as unknown as WritableCollection<K>;
}
