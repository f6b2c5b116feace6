import { WombatError } from '@wombat/proto';
import type { Family } from '../domain/model/family.js';
import type { Node } from '../domain/model/node.js';
import type { Operation, Wish } from '../domain/model/operation.js';
import { nodesToRemove } from '../domain/scaling/nodes-to-remove.js';
import { shallGo } from '../domain/states/draining.js';
import { presentPhases } from '../domain/states/node-states.js';
import type { Reader, Transaction } from '../store/store.js';
import { changeNodes } from './change-nodes.js';
import { deployNodes } from './deploy-nodes.js';
import { operationEvent } from './events.js';
import { refuseWhileBusy } from './family-lock.js';
import type { OperationTools } from './operations/operation-tools.js';
import { operationIdOf, writeOperation } from './operations/write-operation.js';

export interface ScaleRequest extends Pick<Extract<Wish, { kind: 'scale' }>, 'amount' | 'keepData' | 'noDrain' | 'timeoutMs'> {
  readonly family: Family;
  readonly principal: string;
  readonly turn?: Operation;
}

/**
 * Brings a family to a number of nodes: a deploy of those that are missing, or a removal of those that are too many.
 * @throws WombatError as deployNodes and changeNodes
 */
export async function scaleFamily(tools: OperationTools, transaction: Transaction, request: ScaleRequest): Promise<Operation> {
  const { family, amount, principal, timeoutMs, turn } = request;
  const as = { kind: 'scale', name: scaleName(family, amount) } as const;
  const missing = amount - (await nodesOf(transaction, family)).length;
  if (missing > 0) {
    const release = family.spec.releaseId === undefined ? undefined : await transaction.releases.get(family.spec.releaseId);
    if (!release) throw new WombatError('WO_NO_RELEASE', `family ${family.name} has no release attached`, { hint: `wo attach-release ${family.id} RELEASE` });
    return deployNodes(tools, transaction, {
      family, release, principal, timeoutMs, as, amount: missing, maximum: tools.maxNodesPerOperation, joins: tools.joins(family), ...(turn && { turn }),
    });
  }
  if (missing < 0) {
    const { keepData, noDrain } = request;
    const nodes = await nodesOfScale(transaction, family, amount);
    return changeNodes(tools, transaction, { change: 'remove', nodes, principal, keepData, noDrain, timeoutMs, as, joins: tools.joins, ...(turn && { turn }) });
  }
  await refuseWhileBusy(transaction, family, turn);
  const started = { ...as, familyId: family.id, principal, plan: [], progress: { total: 0, done: 0, failed: 0 }, timeoutMs };
  const operation = await writeOperation(tools, transaction, operationIdOf(tools, turn), started, turn);
  await transaction.events.append(operationEvent(operation, 'operation.started', `${family.name} has ${amount} nodes already`));
  return operation;
}

/** Those that would go if the family were brought to this number. */
export async function nodesOfScale(read: Pick<Reader, 'nodes' | 'domains'>, family: Family, amount: number): Promise<Node[]> {
  const nodes = await nodesOf(read, family);
  return nodesToRemove(Math.max(0, nodes.length - amount), nodes, await read.domains.find({ familyId: family.id }));
}

export function scaleName({ name }: Family, amount: number): string {
  return `scale ${name} to ${amount}`;
}

async function nodesOf(read: Pick<Reader, 'nodes'>, family: Family): Promise<Node[]> {
  return (await read.nodes.find({ familyId: family.id, phase: presentPhases })).filter((node) => !shallGo(node));
}
