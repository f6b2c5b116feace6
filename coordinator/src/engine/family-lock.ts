import { WombatError } from '@wombat/proto';
import type { Family } from '../domain/model/family.js';
import type { Operation, OperationState } from '../domain/model/operation.js';
import type { Reader, Transaction } from '../store/store.js';

/** Of operations that hold families, and of those that are next. */
const holdingStates: readonly OperationState[] = ['running', 'cancelling', 'waiting'];

/**
 * The operation that holds one of the families, or is to have it before `turn`. Nothing but the state of operations
 * is a lock, so none outlives its holder.
 */
export async function holderOf(read: Pick<Reader, 'operations'>, familyIds: readonly string[], turn?: Operation): Promise<Operation | undefined> {
  if (familyIds.length === 0) return undefined;
  const held = (await read.operations.find({ familyId: [...familyIds, ''], state: holdingStates })).filter(
    (operation) => operation.id !== turn?.id && concerns(operation, familyIds) && comesBefore(operation, turn),
  );
  const next = [...held].sort((a, b) => (a.turn ?? 0) - (b.turn ?? 0));
  return held.find(({ state }) => state !== 'waiting') ?? next[0];
}

/**
 * Two operations on one family never interleave.
 * @throws WombatError WO_CONFLICT naming the operation that holds the family
 */
export async function refuseWhileBusy(transaction: Transaction, family: Family, turn?: Operation): Promise<void> {
  const holder = await holderOf(transaction, [family.id], turn);
  if (holder) throw heldBy(holder, `family ${family.name}`);
}

export function heldBy(holder: Operation, what: string): WombatError {
  const by = `operation ${holder.id} (${holder.name}, asked for by ${holder.principal})`;
  return new WombatError('WO_CONFLICT', holder.state === 'waiting' ? `${what} is to be had first by ${by}, which waits for its turn` : `${what} is held by ${by}`, {
    hint: `wait for it: wo operation watch ${holder.id}; or queue behind it: --wait`,
    details: { operation: holder.id },
  });
}

function concerns({ familyId, familyIds = [] }: Operation, wanted: readonly string[]): boolean {
  return wanted.includes(familyId) || familyIds.some((id) => wanted.includes(id));
}

/** Whoever has begun holds it; among those that wait, the earlier; who has no turn is last. */
function comesBefore({ state, turn = 0 }: Operation, other: Operation | undefined): boolean {
  return state !== 'waiting' || turn < (other?.turn ?? Infinity);
}
