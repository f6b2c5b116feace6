import { OperationServiceService, type WatchOperationResponse } from '@wombat/proto/control';
import type { Operation } from '../../domain/model/operation.js';
import { principalOf } from '../../auth/identity.js';
import { findObject } from '../../engine/find-object.js';
import { cancelOperation } from '../../engine/operations/cancel-operation.js';
import type { OperationTools } from '../../engine/operations/operation-tools.js';
import { stepsOf } from '../../engine/operations/steps.js';
import type { Store } from '../../store/store.js';
import { implement, type Service } from '../service.js';
import { followEvents } from './follow-events.js';
import { mutateObject } from './mutation.js';
import { pageQuery } from './paging.js';
import { detailedOperationView, eventView, operationView } from './views/operation-view.js';

export interface OperationServiceOptions {
  readonly store: Store;
  readonly operations: OperationTools;
}

/** Events of one operation: six for each of the 20,000 nodes that it may have, and some. */
const replayLimit = 150_000;

/** Events that tell the end of an operation. */
const finalTypes: readonly string[] = ['operation.finished', 'operation.cancelled'];

export function operationService({ store, operations }: OperationServiceOptions): Service {
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
      const families = await store.read.families.names(page.items.map(({ familyId }) => familyId));
      return { operations: page.items.map((operation) => detailedOperationView(operation, { familyName: families.get(operation.familyId) ?? '' })), page: { nextPageToken: page.nextPageToken } };
    },
    async getOperation(request) {
      const operation = await find(request.operation);
      const families = await store.read.families.names([operation.familyId]);
      return { operation: detailedOperationView(operation, { familyName: families.get(operation.familyId) ?? '', steps: await stepsOf(store.read, operation) }) };
    },
    async *watchOperation(request, context) {
      yield* watch(store, await find(request.operation), Number(request.afterSequence), context.signal);
    },
    async cancelOperation(request, { identity }) {
      const cancelled = await mutateObject(store, request.mutation, 'operations', request.operation, (transaction, operation) =>
        cancelOperation(operations, transaction, operation, principalOf(identity)),
      );
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
      const hasEnded = finalTypes.includes(event.type);
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
