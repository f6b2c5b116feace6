import { groupBy, quoted, WombatError } from '@wombat/proto';
import type { Family } from '../../domain/model/family.js';
import type { Host } from '../../domain/model/host.js';
import type { Operation } from '../../domain/model/operation.js';
import { inPhase, presentPhases } from '../../domain/states/node-states.js';
import type { Transaction } from '../../store/store.js';
import { hostPhaseEvent, nodePhaseEvent } from '../events.js';
import type { OperationTools } from '../operations/operation-tools.js';
import type { EngineTools } from '../place-nodes.js';
import { nodesToReplace, replaceNodes } from './replace-nodes.js';

export interface ReplaceOnHostRequest {
  readonly host: Host;
  readonly family: Family;
  readonly principal: string;
  /** The caller knows that nothing runs on the machine any more. */
  readonly fenced: boolean;
  /** The record of an operation whose turn has come. */
  readonly turn?: Operation;
}

/**
 * The families that have nodes to be replaced on the host: one operation for each.
 * @throws WombatError WO_CONFLICT when the host is not to be replaced, WO_NOT_FOUND
 */
export async function familiesToReplace(transaction: Transaction, host: Host, fenced: boolean): Promise<readonly string[]> {
  refuseUnlessSilent(host, fenced);
  const familyIds = [...groupBy(await nodesToReplace(transaction, host.id), (node) => node.familyId).keys()];
  if (familyIds.length === 0) throw nothingToReplace(host);
  return familyIds;
}

/**
 * Replaces the nodes that a family has on a lost host whatever policies and brakes say: somebody has looked.
 * @throws WombatError WO_CONFLICT, WO_NOT_FOUND, WO_NO_DOMAIN, WO_PLACEMENT_IMPOSSIBLE
 */
export async function replaceOnHost(tools: OperationTools, transaction: Transaction, request: ReplaceOnHostRequest): Promise<Operation> {
  const { host, family, fenced, principal } = request;
  refuseUnlessSilent(host, fenced);
  const reason = fenced ? `${host.name} is said to be dead` : `${host.name} is lost`;
  const operation = await replaceNodes(tools, transaction, { ...request, reason, joins: tools.joins(family) });
  if (!operation) throw nothingToReplace(host);
  // Another family may have to wait for its turn.
  if (fenced && (await nodesToReplace(transaction, host.id)).length === 0) await giveUp(tools, transaction, host, principal);
  return operation;
}

function nothingToReplace({ name }: Host): WombatError {
  return new WombatError('WO_NOT_FOUND', `no node of ${name} is to be replaced`, { hint: `when the machine is of no use any more: wo host remove ${quoted(name)}` });
}

function refuseUnlessSilent(host: Host, fenced: boolean): void {
  if (host.phase === 'lost' || (fenced && host.phase === 'unknown')) return;
  if (host.phase === 'unknown') {
    throw new WombatError('WO_CONFLICT', `host ${host.name} is silent but not lost yet, its nodes may run on`, {
      hint: `wait until it is lost, or, when you know that nothing runs there: wo host replace ${quoted(host.name)} --fenced`,
    });
  }
  throw new WombatError('WO_CONFLICT', `host ${host.name} is ${host.phase}: only a lost host is replaced`, { hint: `move its nodes away: wo host drain ${quoted(host.name)}` });
}

/** Nothing of it is waited for: all its nodes are gone, its identity and its machine go. */
async function giveUp(tools: EngineTools, transaction: Transaction, host: Host, principal: string): Promise<void> {
  for (const node of await transaction.nodes.find({ hostId: host.id, phase: presentPhases })) {
    const gone = await transaction.nodes.update(inPhase({ ...node, generation: node.generation + 1, desired: 'absent' }, 'gone', tools.clock.now()));
    await transaction.events.append(nodePhaseEvent(gone));
  }
  const leaving = await transaction.hosts.update({ ...host, desired: 'absent', generation: host.generation + 1 });
  await transaction.events.append(hostPhaseEvent(leaving, `${principal} says that nothing runs on ${host.name} any more: it is removed`));
}
