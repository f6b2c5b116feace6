import { OperationKind, OperationState, PlanAction, type Event as EventMessage, type Operation as OperationMessage } from '@wombat/proto/control';
import type { Event } from '../../../domain/model/event.js';
import type { Operation } from '../../../domain/model/operation.js';
import { dateOf, enumOf, errorView, metadataView, waitingView } from './common.js';

export function operationView(operation: Operation): OperationMessage {
  return {
    metadata: metadataView(operation),
    kind: enumOf<OperationKind>(OperationKind, operation.kind),
    state: enumOf<OperationState>(OperationState, operation.state),
    familyId: operation.familyId,
    principal: operation.principal,
    plan: operation.plan.map((entry) => ({ hostName: '', domainName: '', ...entry, action: enumOf<PlanAction>(PlanAction, entry.action) })),
    progress: { ...operation.progress },
    waiting: waitingView(operation.waiting),
    error: errorView(operation.error),
    deadline: dateOf(operation.deadline),
    finishedAt: dateOf(operation.finishedAt),
  };
}

export function eventView(event: Event): EventMessage {
  return { ...event, sequence: BigInt(event.sequence), time: new Date(event.time), payload: JSON.stringify(event.payload) };
}
