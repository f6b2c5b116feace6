import { WombatError, type Clock, type Ids } from '@wombat/proto';
import type { UpdateFamilyRequest } from '@wombat/proto/control';
import { principalOf, type Identity } from '../../auth/identity.js';
import type { Family, FamilyRevision, FamilySpec } from '../../domain/model/family.js';
import type { Operation } from '../../domain/model/operation.js';
import { generationOf, revisionBefore } from '../../domain/update/revision-before.js';
import { isSame, runSpecOf } from '../../domain/update/run-spec.js';
import { refuseWhileBusy } from '../../engine/family-lock.js';
import { nodesByGeneration, reviseFamily, type Revising } from '../../engine/family-revisions.js';
import { findObject } from '../../engine/find-object.js';
import type { Secrets } from '../../engine/ports.js';
import { updateNodes } from '../../engine/update/update-nodes.js';
import type { Store, Transaction } from '../../store/store.js';
import { changedEnvironment, checkChange, describeChange } from './family-environment.js';
import { mutateObject } from './mutation.js';
import { changedRestart, positiveMs } from './restart-spec.js';

export interface FamilyUpdateOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly secrets: Secrets;
  readonly keepRevisions: number;
}

/** Revises the family and writes the operation that brings its nodes to it, or neither. */
export async function updateFamily(options: FamilyUpdateOptions, request: UpdateFamilyRequest, identity: Identity): Promise<Operation> {
  checkChange(request);
  refuseContradictions(request);
  const settleMs = positiveMs('settling time', request.settle) ?? 0;
  const timeoutMs = positiveMs('timeout', request.timeout);
  return mutateObject(options.store, request.mutation, 'families', request.family, async (transaction, family) => {
    await refuseWhileBusy(transaction, family);
    const by = revisedBy(options, identity);
    const revised = request.rollback ? await goBack(transaction, family, Number(request.toGeneration), by) : await goOn(options, transaction, family, request, by);
    return updateNodes(options, transaction, {
      family: revised, principal: by.principal, maxParallel: request.maxParallel || 1, settleMs, ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
  });
}

/** What the history of a family tells of a change. */
export function revisedBy({ clock, keepRevisions }: Pick<FamilyUpdateOptions, 'clock' | 'keepRevisions'>, identity: Identity): Revising {
  return { at: clock.now(), principal: principalOf(identity), keep: keepRevisions };
}

function refuseContradictions(request: UpdateFamilyRequest): void {
  const changes = request.release !== '' || request.restart !== undefined || describeChange(request) !== '';
  if (request.rollback && changes) throw new WombatError('WO_INVALID_ARGUMENT', 'a rollback takes everything from an earlier revision: nothing can be changed with it', { hint: 'go back first, then update' });
  if (!request.rollback && request.toGeneration !== 0n) throw new WombatError('WO_INVALID_ARGUMENT', 'a generation is given only to go back to', { hint: 'say that too: --rollback' });
}

async function goOn(options: FamilyUpdateOptions, transaction: Transaction, family: Family, request: UpdateFamilyRequest, by: Revising): Promise<Family> {
  const release = request.release === '' ? undefined : await findObject(transaction, 'releases', request.release);
  const changes: Partial<FamilySpec> = {
    ...(release ? { releaseId: release.id } : {}),
    ...(describeChange(request) === '' ? {} : changedEnvironment(family.id, family.spec, request, options.secrets)),
    ...(request.restart ? { restart: changedRestart(request.restart, family.spec.restart) } : {}),
  };
  return isSame({ ...family.spec, ...changes }, family.spec) ? family : reviseFamily(transaction, family, changes, by);
}

async function goBack(transaction: Transaction, family: Family, generation: number, by: Revising): Promise<Family> {
  const revisions = await transaction.familyRevisions.find({ familyId: family.id });
  const counts = await nodesByGeneration(transaction, family.id);
  const to = generation === 0 ? revisionBefore(family, revisions, (each) => counts.has(each)) : revisions.find((revision) => generationOf(revision) === generation);
  if (!to) throw noRevision(family, generation, revisions);
  if (to.spec.releaseId !== undefined) await findObject(transaction, 'releases', to.spec.releaseId);
  return reviseFamily(transaction, family, runSpecOf(to.spec), { ...by, backTo: to.origin?.backTo ?? generationOf(to) });
}

function noRevision({ id, name, generation: present }: Family, generation: number, revisions: readonly FamilyRevision[]): WombatError {
  const kept = revisions.map(generationOf).sort((a, b) => a - b);
  const told = kept.length === 0 ? 'none is kept' : `kept are ${kept.join(', ')}`;
  const message = generation === 0 ? `family ${name} has no earlier revision that nodes ran and that runs otherwise than generation ${present}` : `family ${name} has no earlier generation ${generation}: ${told}`;
  return new WombatError('WO_NOT_FOUND', message, { hint: `see them: wo family revisions ${id}` });
}
