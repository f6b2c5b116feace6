import { OperationKind, OperationState, PlanAction, StepState, type Event as EventMessage, type Operation as OperationMessage } from '@wombat/proto/control';
import type { Event } from '../../../domain/model/event.js';
import type { Operation, Step } from '../../../domain/model/operation.js';
import { dateOf, enumOf, errorView, metadataView, waitingView } from './common.js';

/** What is looked up for one operation, and left out of lists. */
export interface OperationDetails {
  readonly familyName: string;
  /** One for each entry of the plan. */
  readonly steps: readonly Step[];
}

export function operationView(operation: Operation): OperationMessage {
  return detailedOperationView(operation, {});
}

export function detailedOperationView(operation: Operation, details: Partial<OperationDetails>): OperationMessage {
  return {
    metadata: metadataView(operation),
    kind: enumOf<OperationKind>(OperationKind, operation.kind),
    state: enumOf<OperationState>(OperationState, operation.state),
    familyId: operation.familyId,
    familyName: details.familyName ?? '',
    principal: operation.principal,
    plan: operation.plan.map((entry, index) => ({ hostName: '', domainName: '', ...entry, action: enumOf<PlanAction>(PlanAction, entry.action), ...stepView(details.steps?.[index]) })),
    progress: { ...operation.progress },
    waiting: waitingView(operation.waiting),
    error: errorView(operation.error),
    deadline: dateOf(operation.deadline),
    finishedAt: dateOf(operation.finishedAt),
    rest: operation.rest ?? '',
  };
}

function stepView(step: Step | undefined): { state: StepState; since: Date | undefined; why: string } {
  return { state: step ? enumOf<StepState>(StepState, step.state) : StepState.UNSPECIFIED, since: dateOf(step?.since), why: step?.why ?? '' };
}

export function eventView(event: Event): EventMessage {
  return { ...event, sequence: BigInt(event.sequence), time: new Date(event.time), payload: JSON.stringify(event.payload) };
}
