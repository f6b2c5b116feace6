import { WombatError, type ErrorCode } from '@wombat/proto';
import { failpoint } from '@wombat/proto/failpoints';
import type { StoredError } from '../../domain/model/object.js';
import type { Operation } from '../../domain/model/operation.js';
import { storeWaits, type Store, type Transaction } from '../../store/store.js';
import { operationEvent, storedError } from '../events.js';
import { holderOf } from '../family-lock.js';
import { carryOut, familiesOf } from './carry-out.js';
import type { OperationTools } from './operation-tools.js';
import { waitsFor } from './start-operation.js';
import { withoutWish } from './without-wish.js';

/** Not the operation's fault, as is what somebody else has written in between: tried again. */
const passing: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['WO_INTERNAL', 'WO_UNAVAILABLE', ...storeWaits]);

/** Starts operations that wait, in the order in which they were asked for, when nobody holds what they need. */
export class Turns {
  constructor(
    private readonly store: Store,
    private readonly tools: OperationTools,
  ) {}

  /** Milliseconds until it has waited for too long; undefined when it waits no more. */
  async look(operationId: string): Promise<number | undefined> {
    try {
      const leftMs = await this.store.transaction((transaction) => this.#look(transaction, operationId));
      if (leftMs === undefined) await failpoint('coordinator.turn.after-start');
      return leftMs;
    } catch (error) {
      const refusal = WombatError.from(error);
      if (passing.has(refusal.code) || refusal.details['revision'] !== undefined) throw error;
      // What was asked for cannot be done as things stand now.
      await this.store.transaction((transaction) => this.#refused(transaction, operationId, storedError(refusal)));
      return undefined;
    }
  }

  async #look(transaction: Transaction, operationId: string): Promise<number | undefined> {
    const turn = await transaction.operations.get(operationId);
    if (turn?.state !== 'waiting' || !turn.wish) return undefined;
    const holder = await holderOf(transaction, await familiesOf(transaction, turn.wish), turn);
    const leftMs = (turn.deadline ?? 0) - this.tools.clock.now();
    if (leftMs <= 0) throw tooLong(holder);
    if (!holder) {
      void failpoint('coordinator.turn.before-start');
      await carryOut(this.tools, transaction, turn.wish, { principal: turn.principal, turn });
      return undefined;
    }
    const reason = waitsFor(holder);
    if (reason !== turn.waiting?.reason) await transaction.operations.update({ ...turn, waiting: { reason, since: turn.waiting?.since ?? this.tools.clock.now() } });
    return leftMs;
  }

  async #refused(transaction: Transaction, operationId: string, error: StoredError): Promise<void> {
    const turn = await transaction.operations.get(operationId);
    if (turn?.state !== 'waiting') return;
    const failed = await transaction.operations.update({ ...withoutWish(turn), state: 'failed', finishedAt: this.tools.clock.now(), error });
    await transaction.events.append(operationEvent(failed, 'operation.finished', `${failed.name}: not begun: ${error.message}`));
  }
}

/** Also when nobody holds it any more: whoever asked does not expect it to begin by now. */
function tooLong(holder: Operation | undefined): WombatError {
  if (!holder) return new WombatError('WO_CONFLICT', 'it has waited for too long', { hint: 'ask again' });
  return new WombatError('WO_CONFLICT', `it has waited for too long: ${waitsFor(holder)}`, { hint: `ask again with a longer --wait, or cancel the other: wo operation cancel ${holder.id}` });
}
