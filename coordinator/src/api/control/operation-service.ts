import { WombatError, type Clock } from '@wombat/proto';
import { OperationServiceService, type WatchOperationResponse } from '@wombat/proto/control';
import type { Operation } from '../../domain/model/operation.js';
import { operationEvent } from '../../engine/events.js';
import { findObject } from '../../engine/find-object.js';
import type { Store } from '../../store/store.js';
import { implement, type Service } from '../service.js';
import { followEvents } from './follow-events.js';
import { mutateObject } from './mutation.js';
import { pageQuery } from './paging.js';
import { eventView, operationView } from './views/operation-view.js';

export interface OperationServiceOptions {
  readonly store: Store;
  readonly clock: Clock;
}

/** Events of one operation: six for each of the 20,000 nodes that it may have, and some. */
const replayLimit = 150_000;

export function operationService({ store, clock }: OperationServiceOptions): Service {
  const find = (reference: string): Promise<Operation> => findObject(store.read, 'operations', reference);
  return implement(OperationServiceService, {
    async listOperations(request) {
      const page = await store.read.operations.page(
        await pageQuery<'operations'>(request.page, {
          family: { field: 'familyId', resolve: async (text) => (await findObject(store.read, 'families', text)).id },
          state: { field: 'state' },
          kind: { field: 'kind' },
        }),
      );
      return { operations: page.items.map(operationView), page: { nextPageToken: page.nextPageToken } };
    },
    async getOperation(request) {
      return { operation: operationView(await find(request.operation)) };
    },
    async *watchOperation(request, context) {
      yield* watch(store, await find(request.operation), Number(request.afterSequence), context.signal);
    },
    /** Ends the waiting, not the nodes: what was started goes on as the nodes' desired state says. */
    async cancelOperation(request) {
      const cancelled = await mutateObject(store, request.mutation, 'operations', request.operation, async (transaction, operation) => {
        if (operation.finishedAt !== undefined) throw new WombatError('WO_OPERATION_FINISHED', `${operation.id} has ended: ${operation.state}`);
        // It takes no further node, and ends when those that are under way have settled.
        if (operation.kind === 'update') return transaction.operations.update({ ...operation, state: 'cancelling' });
        const stored = await transaction.operations.update({ ...operation, state: 'cancelled', finishedAt: clock.now() });
        await transaction.events.append(operationEvent(stored, 'operation.finished', `${stored.name} was cancelled; its nodes are left as they are`));
        return stored;
      });
      return { operation: operationView(cancelled) };
    },
  });
}

async function* watch(store: Store, seen: Operation, afterSequence: number, signal: AbortSignal): AsyncGenerator<WatchOperationResponse> {
  let operation = seen;
  const shown = (): WatchOperationResponse => ({ kind: { $case: 'operation', value: operationView(operation) } });
  yield shown();
  if (operation.finishedAt !== undefined) {
    for (const event of await store.read.events.list({ operationId: operation.id, afterSequence, limit: replayLimit })) {
      yield { kind: { $case: 'event', value: eventView(event) } };
    }
    yield shown();
    return;
  }
  // The record of a large operation is costly to read: it is taken from the commits.
  let newest = operation;
  const unsubscribe = store.onCommit((commit) => {
    for (const { kind, id, object } of commit.changes) if (kind === 'operations' && id === seen.id && object) newest = object as Operation;
  });
  try {
    for await (const event of followEvents(store, { operationId: operation.id }, afterSequence, signal)) {
      yield { kind: { $case: 'event', value: eventView(event) } };
      const hasEnded = event.type === 'operation.finished';
      if (hasEnded) newest = (await store.read.operations.get(operation.id)) ?? newest;
      if (newest.revision !== operation.revision || hasEnded) {
        operation = newest;
        yield shown();
      }
      if (hasEnded) return;
    }
  } finally {
    unsubscribe();
  }
}
