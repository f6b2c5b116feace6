import type { Operation, OperationProgress } from '../../domain/model/operation.js';
import type { Transaction } from '../../store/store.js';
import { cancelledEvent } from '../events.js';
import { outcomesOf } from './steps.js';

export interface CancelledEnd {
  readonly progress: OperationProgress;
  /** What it has left. */
  readonly rest: string;
  readonly now: number;
}

/** Ends an operation that was called off, with its steps as they are now. */
export async function finishCancelled(transaction: Transaction, operation: Operation, { progress, rest, now }: CancelledEnd): Promise<void> {
  const outcomes = await outcomesOf(transaction, operation, now);
  const finished = await transaction.operations.update({ ...operation, ...outcomes, state: 'cancelled', progress, rest, finishedAt: now, observedGeneration: operation.generation });
  await transaction.events.append(cancelledEvent(finished));
}
