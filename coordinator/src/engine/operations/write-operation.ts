import type { Operation } from '../../domain/model/operation.js';
import type { NewObject, Transaction } from '../../store/store.js';
import type { EngineTools } from '../place-nodes.js';

/** What is said of an operation when it starts. */
export type StartedOperation = Pick<Operation, 'name' | 'kind' | 'familyId' | 'principal' | 'plan' | 'progress'> &
  Partial<Pick<Operation, 'familyIds' | 'update' | 'agents'>> & { readonly timeoutMs: number };

/** The id that an operation has, or will have: one whose turn has come keeps its own. */
export function operationIdOf(tools: EngineTools, turn: Operation | undefined): string {
  return turn?.id ?? tools.ids.next('op');
}

/** Stores an operation that starts now; `turn` is the record of one that has waited for it. */
export async function writeOperation(tools: EngineTools, transaction: Transaction, id: string, started: StartedOperation, turn?: Operation): Promise<Operation> {
  const { timeoutMs, name, ...said } = started;
  const running: NewObject<Operation> = {
    id, name: name.slice(0, 64), generation: 1, observedGeneration: 0, state: 'running', ...said, deadline: tools.clock.now() + timeoutMs,
  };
  if (!turn) return transaction.operations.insert(running);
  const { revision, createdAt, updatedAt } = turn;
  return transaction.operations.update({ ...running, revision, createdAt, updatedAt });
}
