import { WombatError } from '@wombat/proto';
import type { Mutation } from '@wombat/proto/control';
import type { StoredObject } from '../../domain/model/object.js';
import type { Store, Transaction } from '../../store/store.js';

/** Thrown to undo a dry run; never leaves this module. */
class DryRun<T> extends Error {
  constructor(readonly result: T) {
    super('dry run');
  }
}

/**
 * Runs a change in one transaction. A dry run goes the same way to its end and is undone there, so
 * what it answers is what would have happened.
 */
export async function mutate<T>(store: Store, mutation: Mutation | undefined, work: (transaction: Transaction) => Promise<T>): Promise<T> {
  if (!mutation?.dryRun) return store.transaction(work);
  try {
    return await store.transaction(async (transaction) => {
      throw new DryRun(await work(transaction));
    });
  } catch (error) {
    if (error instanceof DryRun) return (error as DryRun<T>).result;
    throw error;
  }
}

/** @throws WombatError WO_CONFLICT when the caller has seen an older revision */
export function checkRevision(mutation: Mutation | undefined, object: StoredObject): void {
  const expected = Number(mutation?.expectedRevision ?? 0n);
  if (expected === 0 || expected === object.revision) return;
  throw new WombatError('WO_CONFLICT', `${object.id} is at revision ${object.revision}, not ${expected}`, { details: { id: object.id, revision: String(object.revision) } });
}
