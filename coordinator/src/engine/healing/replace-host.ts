import { groupBy, WombatError } from '@wombat/proto';
import type { Family } from '../../domain/model/family.js';
import type { Host } from '../../domain/model/host.js';
import type { Operation } from '../../domain/model/operation.js';
import { inPhase, presentPhases } from '../../domain/states/node-states.js';
import type { Transaction } from '../../store/store.js';
import { hostPhaseEvent, nodePhaseEvent } from '../events.js';
import type { EngineTools } from '../place-nodes.js';
import { nodesToReplace, replaceNodes } from './replace-nodes.js';

export interface ReplaceHostRequest {
  readonly host: Host;
  readonly principal: string;
  /** The caller knows that nothing runs on the machine any more. */
  readonly fenced: boolean;
  readonly joins: (family: Family) => boolean;
}

/**
 * Replaces the nodes of a lost host whatever policies and brakes say: somebody has looked. One operation for each family.
 * @throws WombatError WO_CONFLICT, WO_NOT_FOUND, WO_NO_DOMAIN, WO_PLACEMENT_IMPOSSIBLE
 */
export async function replaceHost(tools: EngineTools, transaction: Transaction, request: ReplaceHostRequest): Promise<Operation[]> {
  const { host, principal, fenced } = request;
  refuseUnlessSilent(host, fenced);
  const nodes = await nodesToReplace(transaction, host.id);
  if (nodes.length === 0) {
    throw new WombatError('WO_NOT_FOUND', `no node of ${host.name} is to be replaced`, { hint: `when the machine is of no use any more: wo host remove ${host.name}` });
  }
  const operations: Operation[] = [];
  for (const familyId of groupBy(nodes, (node) => node.familyId).keys()) {
    const family = (await transaction.families.get(familyId))!;
    const reason = fenced ? `${host.name} is said to be dead` : `${host.name} is lost`;
    const operation = await replaceNodes(tools, transaction, { host, family, principal, fenced, reason, joins: request.joins(family) });
    if (operation) operations.push(operation);
  }
  if (fenced) await giveUp(tools, transaction, host, principal);
  return operations;
}

function refuseUnlessSilent(host: Host, fenced: boolean): void {
  if (host.phase === 'lost' || (fenced && host.phase === 'unknown')) return;
  if (host.phase === 'unknown') {
    throw new WombatError('WO_CONFLICT', `host ${host.name} is silent but not lost yet, its nodes may run on`, {
      hint: `wait until it is lost, or, when you know that nothing runs there: wo host replace ${host.name} --fenced`,
    });
  }
  throw new WombatError('WO_CONFLICT', `host ${host.name} is ${host.phase}: only a lost host is replaced`, { hint: `move its nodes away: wo host drain ${host.name}` });
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
