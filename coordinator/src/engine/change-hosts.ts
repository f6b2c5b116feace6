import { quoted, WombatError } from '@wombat/proto';
import type { Host } from '../domain/model/host.js';
import type { Node } from '../domain/model/node.js';
import type { Operation, PlanEntry } from '../domain/model/operation.js';
import { afterDrain, drainNode, shallGo } from '../domain/states/draining.js';
import { presentPhases } from '../domain/states/node-states.js';
import type { Fleet } from '../fleet/fleet.js';
import type { Transaction } from '../store/store.js';
import { drainableNodes, type Joins } from './drain/drainable.js';
import { hostPhaseEvent, nodePhaseEvent, operationEvent } from './events.js';
import { heldBy, holderOf } from './family-lock.js';
import { operationIdOf, writeOperation } from './operations/write-operation.js';
import type { EngineTools } from './place-nodes.js';
import { withNames } from './plan-names.js';

const timeoutMs = 15 * 60_000;

export interface DrainHostRequest {
  readonly host: Host;
  readonly principal: string;
  /** Its nodes are stopped without being drained. */
  readonly noDrain: boolean;
  readonly joins: Joins;
  /** The record of an operation whose turn has come. */
  readonly turn?: Operation;
}

/**
 * Nothing is placed on the host any more, and its nodes are drained and removed; their data stays until the
 * host itself goes.
 */
export async function drainHost(tools: EngineTools, transaction: Transaction, request: DrainHostRequest): Promise<Operation> {
  const { host, principal, turn } = request;
  refuseUnlessDrainable(host);
  const nodes = await transaction.nodes.find({ hostId: host.id, phase: presentPhases });
  const familyIds = [...new Set(nodes.map(({ familyId }) => familyId))];
  const holder = await holderOf(transaction, familyIds, turn);
  if (holder) throw heldBy(holder, `a family with nodes on ${host.name}`);
  const now = tools.clock.now();
  const operation = await insertOperation(tools, transaction, { kind: 'drain_host', host, nodes, familyIds, principal }, turn);
  const isSilent = host.phase === 'unknown';
  const draining = await transaction.hosts.update(
    isSilent ? { ...host, isDraining: true, operationId: operation.id } : { ...host, phase: 'draining', phaseSince: now, operationId: operation.id },
  );
  const changed: Node[] = [];
  const drainable = request.noDrain ? new Set<string>() : await drainableNodes(transaction, nodes, request.joins);
  const then = { desired: 'absent', keepData: true } as const;
  for (const node of nodes) {
    const next = drainable.has(node.id) ? drainNode(node, then, now) : afterDrain(node, then, now);
    changed.push(await transaction.nodes.update({ ...next, operationId: operation.id }));
  }
  await transaction.events.append(
    operationEvent(operation, 'operation.started', `${principal} drains ${host.name}`),
    hostPhaseEvent(draining, isSilent ? `${host.name} is silent: its nodes go when it comes back` : undefined),
    ...changed.map((node) => nodePhaseEvent(node)),
  );
  return operation;
}

function refuseUnlessDrainable({ name, phase }: Host): void {
  if (phase === 'up' || phase === 'unknown' || phase === 'draining') return;
  if (phase === 'lost') throw new WombatError('WO_CONFLICT', `host ${name} is lost: no node there can be drained`, { hint: `deploy others in their place: wo host replace ${quoted(name)}` });
  throw new WombatError('WO_CONFLICT', `host ${name} is ${phase}: there is nothing to drain`);
}

export interface HostTools extends EngineTools {
  readonly fleet: Pick<Fleet, 'isConnected'>;
}

/**
 * Nodes that shall go do not hold a host that has no session: a machine that died would keep them for ever.
 * @throws WombatError WO_NOT_FOUND when it is gone, WO_IN_USE while nodes are on it
 */
export async function removeHost(tools: HostTools, transaction: Transaction, host: Host, principal: string): Promise<Operation> {
  if (host.phase === 'gone') throw new WombatError('WO_NOT_FOUND', `host ${host.name} is gone already`);
  const nodes = await transaction.nodes.find({ hostId: host.id, phase: presentPhases });
  const node = tools.fleet.isConnected(host.id) ? nodes[0] : nodes.find((each) => !shallGo(each));
  if (node) {
    throw new WombatError('WO_IN_USE', `host ${host.name} still has node ${node.name}`, { hint: host.phase === 'failed' ? `remove it first: wo node remove ${quoted(node.name)}` : `drain it first: wo host drain ${quoted(host.name)}` });
  }
  const operation = await insertOperation(tools, transaction, { kind: 'remove_host', host, nodes: [], familyIds: [], principal });
  await transaction.hosts.update({ ...host, desired: 'absent', generation: host.generation + 1, operationId: operation.id });
  await transaction.events.append(operationEvent(operation, 'operation.started', `${principal} removes ${host.name}`));
  return operation;
}

interface HostOperation {
  readonly kind: 'drain_host' | 'remove_host';
  readonly host: Host;
  readonly nodes: readonly Node[];
  readonly familyIds: readonly string[];
  readonly principal: string;
}

async function insertOperation(tools: EngineTools, transaction: Transaction, { kind, host, nodes, familyIds, principal }: HostOperation, turn?: Operation): Promise<Operation> {
  const ofHost = { nodeId: '', nodeName: '', hostId: host.id, domainId: '', reason: 'asked for' };
  const plan: PlanEntry[] = kind === 'remove_host'
    ? [{ ...ofHost, action: 'destroy_host' }]
    : nodes.map((node) => ({ ...ofHost, action: 'remove_node', nodeId: node.id, nodeName: node.name, domainId: node.domainId }));
  const name = `${kind === 'drain_host' ? 'drain' : 'remove'} host ${host.name}`;
  return writeOperation(tools, transaction, operationIdOf(tools, turn), {
    name, kind, familyId: '', ...(familyIds.length > 0 ? { familyIds } : {}), principal, timeoutMs,
    plan: await withNames(transaction, plan, [host]), progress: { total: plan.length, done: 0, failed: 0 },
  }, turn);
}
