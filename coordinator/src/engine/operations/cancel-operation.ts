import { WombatError } from '@wombat/proto';
import type { Host } from '../../domain/model/host.js';
import type { Node } from '../../domain/model/node.js';
import type { Operation, OperationKind, PlanAction } from '../../domain/model/operation.js';
import { afterDrain, endDrain } from '../../domain/states/draining.js';
import { silentPhases } from '../../domain/states/host-states.js';
import { hasEndedWell, inPhase } from '../../domain/states/node-states.js';
import type { Transaction } from '../../store/store.js';
import type { Joins } from '../drain/drainable.js';
import { hostPhaseEvent, nodePhaseEvent, operationEvent } from '../events.js';
import type { EngineTools } from '../place-nodes.js';
import { releaseEmptyHosts } from './release-empty-hosts.js';
import { withoutWish } from './without-wish.js';

export interface CancelTools extends EngineTools {
  readonly joins: Joins;
}

/** What has begun comes to its end within this, or is told as it is. A stop may take 40 s. */
const restWithinMs = 120_000;

/**
 * Takes back what has not begun; what has begun comes to its end, and `operation.cancelled` then tells what is left. Asking again changes nothing.
 *
 * - deploy, replace, scale up: nodes that run stay, the others are removed, and hosts that were made for it and are empty go
 * - update, update_agents: no further node, or agent, is taken
 * - start: nodes that run stay, the others are stopped again
 * - stop, restart, drain, remove, scale down: nodes that still drain go on running; what is being stopped or restarted is done with
 * - drain_host: the same, and the host takes nodes again
 * - remove_host: undone, unless the provider has been asked already
 *
 * @throws WombatError WO_OPERATION_FINISHED
 */
export async function cancelOperation(tools: CancelTools, transaction: Transaction, operation: Operation, principal: string): Promise<Operation> {
  if (operation.state === 'cancelled' || operation.state === 'cancelling') return operation;
  if (operation.finishedAt !== undefined) throw new WombatError('WO_OPERATION_FINISHED', `${operation.id} has ended: ${operation.state}`);
  const now = tools.clock.now();
  if (operation.state === 'waiting') return cancelWaiting(transaction, operation, principal, now);
  // The controllers of updates take no further node or host; those that are under way are not called back.
  const changed = operation.kind === 'update' || operation.kind === 'update_agents' ? [] : await takeBack(tools, transaction, operation);
  const cancelling = await transaction.operations.update({ ...operation, state: 'cancelling', cancelledBy: principal, deadline: now + restWithinMs });
  await transaction.events.append(operationEvent(cancelling, 'operation.cancelling', `${principal} cancels ${operation.name}`), ...changed.map((node) => nodePhaseEvent(node)));
  await (operation.kind === 'drain_host' || operation.kind === 'remove_host' ? keepHost : releaseEmptyHosts)(transaction, operation, now);
  return cancelling;
}

async function cancelWaiting(transaction: Transaction, operation: Operation, principal: string, now: number): Promise<Operation> {
  const cancelled = await transaction.operations.update({ ...withoutWish(operation), state: 'cancelled', cancelledBy: principal, finishedAt: now, rest: 'nothing was begun' });
  await transaction.events.append(operationEvent(cancelled, 'operation.cancelled', `${principal} has cancelled ${operation.name}: nothing was begun`));
  return cancelled;
}

/** Its nodes that something was decided for anew. */
async function takeBack({ clock, joins }: CancelTools, transaction: Transaction, operation: Operation): Promise<Node[]> {
  const hosts = new Map<string, Host | undefined>();
  const changed: Node[] = [];
  for (const node of await transaction.nodes.find({ operationId: operation.id })) {
    if (!hosts.has(node.hostId)) hosts.set(node.hostId, await transaction.hosts.get(node.hostId));
    const family = node.draining && (await transaction.families.get(node.familyId));
    const next = node.draining
      ? endDrain(node, family !== undefined && joins(family), clock.now())
      : unbegun(operation, node, clock.now(), neverHadAgent(hosts.get(node.hostId)));
    if (next) changed.push(await transaction.nodes.update(next));
  }
  return changed;
}

function unbegun(operation: Operation, node: Node, now: number, isUntouched: boolean): Node | undefined {
  if (node.phase === 'running' || hasEndedWell(node) || node.phase === 'gone' || node.desired !== 'running') return undefined;
  const what = actionOn(operation, node);
  // Nothing but this operation has ever wanted it; what it has written meanwhile is kept.
  if (what === 'create_node') return ended(node, { desired: 'absent', keepData: true }, isUntouched ? 'gone' : undefined, now);
  if (what === 'start_node') return ended(node, { desired: 'stopped' }, isUntouched ? 'stopped' : undefined, now);
  return undefined;
}

function ended(node: Node, then: Parameters<typeof afterDrain>[1], atOnce: Node['phase'] | undefined, now: number): Node {
  return atOnce ? inPhase({ ...node, ...then, generation: node.generation + 1 }, atOnce, now) : afterDrain(node, then, now);
}

function actionOn({ plan }: Operation, node: Node): PlanAction | undefined {
  return plan.find(({ nodeId }) => nodeId === node.id)?.action;
}

/** Nothing was ever started there, and nobody would say that it has ended. */
function neverHadAgent(host: Host | undefined): boolean {
  return host === undefined || ['requested', 'creating', 'booting', 'failed', 'gone'].includes(host.phase);
}

async function keepHost(transaction: Transaction, { id, plan, kind }: Operation, now: number): Promise<void> {
  const host = await transaction.hosts.get(plan[0]?.hostId ?? '') ?? (await hostOf(transaction, id, kind));
  if (!host) return;
  if (kind === 'drain_host') {
    await endHostDrain(transaction, host, now);
  } else if (kind === 'remove_host' && host.desired === 'absent' && host.phase !== 'destroying' && host.phase !== 'gone') {
    await transaction.hosts.update({ ...host, desired: 'present', generation: host.generation + 1 });
  }
}

async function endHostDrain(transaction: Transaction, { isDraining, ...host }: Host, now: number): Promise<void> {
  if (isDraining) {
    const silent = await transaction.hosts.update(host);
    await transaction.events.append(hostPhaseEvent(silent, `${silent.name} takes nodes again when it comes back`));
  } else if (host.phase === 'draining') {
    const up = await transaction.hosts.update({ ...host, phase: 'up', phaseSince: now });
    await transaction.events.append(hostPhaseEvent(up, `${up.name} takes nodes again`));
  }
}

/** Of a drain without nodes, whose plan is empty. */
async function hostOf(transaction: Transaction, operationId: string, kind: OperationKind): Promise<Host | undefined> {
  if (kind !== 'drain_host') return undefined;
  return (await transaction.hosts.find({ phase: ['draining', ...silentPhases] })).find((host) => host.operationId === operationId);
}
