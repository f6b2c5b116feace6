import { WombatError } from '@wombat/proto';
import type { UpdateFamilyRequest } from '@wombat/proto/control';
import { principalOf, type Identity } from '../../auth/identity.js';
import type { Family } from '../../domain/model/family.js';
import type { FamilyChange, Operation } from '../../domain/model/operation.js';
import type { Revising } from '../../engine/family-revisions.js';
import { findObject } from '../../engine/find-object.js';
import type { OperationTools } from '../../engine/operations/operation-tools.js';
import { startOperation } from '../../engine/operations/start-operation.js';
import type { Secrets } from '../../engine/ports.js';
import type { Store, Transaction } from '../../store/store.js';
import { checkChange, describeChange, sealedChange } from './family-environment.js';
import { mutateObject } from './mutation.js';
import { positiveMs, saidRestart } from './restart-spec.js';
import { asked } from './started-operation.js';

export interface FamilyUpdateOptions {
  readonly store: Store;
  readonly secrets: Secrets;
  readonly operations: OperationTools;
}

/** Has the family revised and its nodes brought to it, now or when its turn comes. */
export async function updateFamily({ store, secrets, operations }: FamilyUpdateOptions, request: UpdateFamilyRequest, identity: Identity): Promise<Operation> {
  checkChange(request);
  refuseContradictions(request);
  const settleMs = positiveMs('settling time', request.settle) ?? 0;
  const timeoutMs = positiveMs('timeout', request.timeout);
  return mutateObject(store, request.mutation, 'families', request.family, async (transaction, family) => {
    const wish = {
      kind: 'update', familyId: family.id, change: await changeOf(transaction, family, request, secrets), ...(request.rollback ? { backTo: Number(request.toGeneration) } : {}),
      maxParallel: request.maxParallel || 1, settleMs, ...(timeoutMs === undefined ? {} : { timeoutMs }),
    } as const;
    return startOperation(operations, transaction, asked(request, identity, wish, `update ${family.name}`));
  });
}

/** What the history of a family tells of a change. */
export function revisedBy({ clock, keepRevisions }: Pick<OperationTools, 'clock' | 'keepRevisions'>, identity: Identity): Revising {
  return { at: clock.now(), principal: principalOf(identity), keep: keepRevisions };
}

function refuseContradictions(request: UpdateFamilyRequest): void {
  const changes = request.release !== '' || request.restart !== undefined || describeChange(request) !== '';
  if (request.rollback && changes) throw new WombatError('WO_INVALID_ARGUMENT', 'a rollback takes everything from an earlier revision: nothing can be changed with it', { hint: 'go back first, then update' });
  if (!request.rollback && request.toGeneration !== 0n) throw new WombatError('WO_INVALID_ARGUMENT', 'a generation is given only to go back to', { hint: 'say that too: --rollback' });
}

/** Secrets are sealed before anything of it is stored. */
async function changeOf(transaction: Transaction, family: Family, request: UpdateFamilyRequest, secrets: Secrets): Promise<FamilyChange> {
  return {
    ...(request.release === '' ? {} : { releaseId: (await findObject(transaction, 'releases', request.release)).id }),
    ...(describeChange(request) === '' ? {} : { environment: sealedChange(family.id, request, secrets) }),
    ...(request.restart ? { restart: saidRestart(request.restart) } : {}),
  };
}
