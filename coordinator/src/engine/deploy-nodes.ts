import { WombatError } from '@wombat/proto';
import type { Family } from '../domain/model/family.js';
import type { Operation } from '../domain/model/operation.js';
import type { Release } from '../domain/model/release.js';
import { checkFamilyNames } from '../domain/release/check-family.js';
import type { Transaction } from '../store/store.js';
import { operationEvent } from './events.js';
import { expectCluster } from './bootstrap/expect-cluster.js';
import { refuseWhileBusy } from './family-lock.js';
import { operationIdOf, writeOperation } from './operations/write-operation.js';
import { placeNodes, type PlacementTools } from './place-nodes.js';

export interface DeployRequest {
  readonly family: Family;
  readonly amount: number;
  /** The most nodes that one operation may deploy. */
  readonly maximum: number;
  readonly release: Release;
  readonly principal: string;
  readonly timeoutMs: number;
  /** The family's strategy makes its nodes join a cluster. */
  readonly joins: boolean;
  /** As part of what. @default a deploy */
  readonly as?: Pick<Operation, 'kind' | 'name'>;
  /** The record of an operation whose turn has come. */
  readonly turn?: Operation;
}

/**
 * Writes the intent: an operation with its plan, the hosts and nodes that it needs. Nothing outside
 * the store happens here; the controllers do what the rows say.
 * @throws WombatError WO_AMOUNT_INVALID, WO_TEMPLATE_INVALID, WO_NO_DOMAIN, WO_PLACEMENT_IMPOSSIBLE, WO_CONFLICT
 */
export async function deployNodes(tools: PlacementTools, transaction: Transaction, request: DeployRequest): Promise<Operation> {
  const { family, amount, turn, principal, timeoutMs } = request;
  checkAmount(amount, request.maximum);
  checkFamilyNames(request.release, family.spec);
  await refuseWhileBusy(transaction, family, turn);
  const operationId = operationIdOf(tools, turn);
  const { plan, events } = await placeNodes(tools, transaction, { family, familyGeneration: family.generation, release: request.release, amount, operationId });
  const as = request.as ?? { kind: 'deploy', name: `deploy ${amount} of ${family.name}` };
  const started = { ...as, familyId: family.id, principal, plan, progress: { total: amount, done: 0, failed: 0 }, timeoutMs };
  const operation = await writeOperation(tools, transaction, operationId, started, turn);
  await expectCluster(transaction, family, request.joins);
  await transaction.events.append(operationEvent(operation, 'operation.started', `${request.principal} deploys ${amount} nodes of ${family.name}`), ...events);
  return operation;
}

/** @throws WombatError WO_AMOUNT_INVALID */
export function checkAmount(amount: number, maximum: number): void {
  if (Number.isInteger(amount) && amount >= 1 && amount <= maximum) return;
  throw new WombatError('WO_AMOUNT_INVALID', `cannot deploy ${amount} nodes: give a number from 1 to ${maximum}`);
}
