import { WombatError } from '@wombat/proto';
import type { Family } from '../domain/model/family.js';
import type { Operation } from '../domain/model/operation.js';
import type { Release } from '../domain/model/release.js';
import { checkFamilyNames } from '../domain/release/check-family.js';
import type { Transaction } from '../store/store.js';
import { operationEvent } from './events.js';
import { expectCluster } from './bootstrap/expect-cluster.js';
import { refuseWhileBusy } from './family-lock.js';
import { placeNodes, type EngineTools } from './place-nodes.js';

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
}

/**
 * Writes the intent: an operation with its plan, the hosts and nodes that it needs. Nothing outside
 * the store happens here; the controllers do what the rows say.
 * @throws WombatError WO_AMOUNT_INVALID, WO_TEMPLATE_INVALID, WO_NO_DOMAIN, WO_PLACEMENT_IMPOSSIBLE, WO_CONFLICT
 */
export async function deployNodes(tools: EngineTools, transaction: Transaction, request: DeployRequest): Promise<Operation> {
  const { family, amount } = request;
  checkAmount(amount, request.maximum);
  checkFamilyNames(request.release, family.spec);
  await refuseWhileBusy(transaction, family);
  const operationId = tools.ids.next('op');
  const { plan, events } = await placeNodes(tools, transaction, { family, familyGeneration: family.generation, release: request.release, amount, operationId });
  const operation = await transaction.operations.insert({
    id: operationId,
    name: `deploy ${amount} of ${family.name}`.slice(0, 64),
    generation: 1,
    observedGeneration: 0,
    kind: 'deploy',
    state: 'running',
    familyId: family.id,
    principal: request.principal,
    plan,
    progress: { total: amount, done: 0, failed: 0 },
    deadline: tools.clock.now() + request.timeoutMs,
  });
  await expectCluster(transaction, family, request.joins);
  await transaction.events.append(operationEvent(operation, 'operation.started', `${request.principal} deploys ${amount} nodes of ${family.name}`), ...events);
  return operation;
}

function checkAmount(amount: number, maximum: number): void {
  if (Number.isInteger(amount) && amount >= 1 && amount <= maximum) return;
  throw new WombatError('WO_AMOUNT_INVALID', `cannot deploy ${amount} nodes: give a number from 1 to ${maximum}`);
}
