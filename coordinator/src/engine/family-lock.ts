import { WombatError } from '@wombat/proto';
import type { Family } from '../domain/model/family.js';
import type { Transaction } from '../store/store.js';

/**
 * Two operations on one family never interleave.
 * @throws WombatError WO_CONFLICT naming the operation that holds the family
 */
export async function refuseWhileBusy(transaction: Transaction, family: Family): Promise<void> {
  const [busy] = await transaction.operations.find({ familyId: family.id, state: ['running', 'cancelling'] });
  if (!busy) return;
  throw new WombatError('WO_CONFLICT', `family ${family.name} is held by operation ${busy.id} (${busy.name}, asked for by ${busy.principal})`, {
    hint: `wait for it: wo operation watch ${busy.id}`,
    details: { operation: busy.id },
  });
}
