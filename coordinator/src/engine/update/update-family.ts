import { WombatError, quoted } from '@wombat/proto';
import type { Family, FamilyRevision, FamilySpec } from '../../domain/model/family.js';
import type { FamilyChange, Operation, Wish } from '../../domain/model/operation.js';
import { changeEnvironment } from '../../domain/update/change-environment.js';
import { generationOf, revisionBefore } from '../../domain/update/revision-before.js';
import { isSame, runSpecOf } from '../../domain/update/run-spec.js';
import type { Transaction } from '../../store/store.js';
import { refuseWhileBusy } from '../family-lock.js';
import { nodesByGeneration, reviseFamily, type Revising } from '../family-revisions.js';
import { findObject } from '../find-object.js';
import type { OperationTools } from '../operations/operation-tools.js';
import { updateNodes } from './update-nodes.js';

export interface UpdateFamilyRequest extends Omit<Extract<Wish, { kind: 'update' }>, 'kind' | 'familyId'> {
  readonly family: Family;
  readonly principal: string;
  /** The record of an operation whose turn has come. */
  readonly turn?: Operation;
}

/**
 * Revises the family and writes the operation that brings its nodes to it, or neither.
 * @throws WombatError as updateNodes, and WO_NOT_FOUND for a revision, release or variable that is not there
 */
export async function updateFamily(tools: OperationTools, transaction: Transaction, request: UpdateFamilyRequest): Promise<Operation> {
  const { family, change, backTo, ...rest } = request;
  await refuseWhileBusy(transaction, family, request.turn);
  const by: Revising = { at: tools.clock.now(), principal: request.principal, keep: tools.keepRevisions };
  const revised = backTo === undefined ? await goOn(transaction, family, change, by) : await goBack(transaction, family, backTo, by);
  return updateNodes(tools, transaction, { ...rest, family: revised });
}

async function goOn(transaction: Transaction, family: Family, { releaseId, environment, restart }: FamilyChange, by: Revising): Promise<Family> {
  if (releaseId !== undefined) await findObject(transaction, 'releases', releaseId);
  const changes: Partial<FamilySpec> = {
    ...(releaseId === undefined ? {} : { releaseId }),
    ...(environment ? changeEnvironment(family.spec, environment) : {}),
    ...(restart ? { restart: { mode: 'always', ...family.spec.restart, ...restart } } : {}),
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

function noRevision({ name, generation: present }: Family, generation: number, revisions: readonly FamilyRevision[]): WombatError {
  const kept = revisions.map(generationOf).sort((a, b) => a - b);
  const told = kept.length === 0 ? 'none is kept' : `kept are ${kept.join(', ')}`;
  const message = generation === 0 ? `family ${name} has no earlier revision that nodes ran and that runs otherwise than generation ${present}` : `family ${name} has no earlier generation ${generation}: ${told}`;
  return new WombatError('WO_NOT_FOUND', message, { hint: `see them: wo family revisions ${quoted(name)}` });
}
