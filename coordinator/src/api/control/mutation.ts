import { WombatError } from '@wombat/proto';
import type { Mutation } from '@wombat/proto/control';
import { failpoint } from '@wombat/proto/failpoints';
import type { StoredObject } from '../../domain/model/object.js';
import { findObject } from '../../engine/find-object.js';
import type { Kind, Kinds, Store, Transaction } from '../../store/store.js';
import { ClaimedMutation } from '../replay/claimed-mutation.js';

/** Thrown to undo a dry run; never leaves this module. */
class DryRun<T> extends Error {
  constructor(readonly result: T) {
    super('dry run');
  }
}

/**
 * Runs a change in one transaction. A dry run goes the same way to its end and is undone there, so
 * what it answers is what would have happened. Under a request id the change is made once; what
 * `work` answers must then survive JSON.
 */
export async function mutate<T>(store: Store, mutation: Mutation | undefined, work: (transaction: Transaction) => Promise<T>): Promise<T> {
  if (!mutation?.dryRun) return commit(store, mutation, work);
  try {
    return await store.transaction(async (transaction) => {
      throw new DryRun(await work(transaction));
    });
  } catch (error) {
    if (error instanceof DryRun) return (error as DryRun<T>).result;
    throw error;
  }
}

async function commit<T>(store: Store, mutation: Mutation | undefined, work: (transaction: Transaction) => Promise<T>): Promise<T> {
  await failpoint('coordinator.change.before-commit');
  const result = await (mutation instanceof ClaimedMutation ? mutation.carryOut(store, work) : store.transaction(work));
  await failpoint('coordinator.change.after-commit');
  return result;
}

/**
 * Changes one object as it is at that moment: it is read inside the transaction, so that what the
 * controllers have written a moment ago is no conflict of the caller's.
 * @throws WombatError WO_NOT_FOUND, WO_AMBIGUOUS, WO_CONFLICT when the caller has seen an older revision
 */
export async function mutateObject<K extends Kind, T>(
  store: Store,
  mutation: Mutation | undefined,
  kind: K,
  reference: string,
  work: (transaction: Transaction, object: Kinds[K]) => Promise<T>,
): Promise<T> {
  return mutate(store, mutation, async (transaction) => {
    const object = await findObject<K>(transaction, kind, reference);
    checkRevision(mutation, object);
    return work(transaction, object);
  });
}

/** @throws WombatError WO_CONFLICT when the caller has seen an older revision */
export function checkRevision(mutation: Mutation | undefined, object: StoredObject): void {
  const expected = Number(mutation?.expectedRevision ?? 0n);
  if (expected === 0 || expected === object.revision) return;
  throw new WombatError('WO_CONFLICT', `${object.id} is at revision ${object.revision}, not ${expected}`, { details: { id: object.id, revision: String(object.revision) } });
}
