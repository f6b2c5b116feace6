import { WombatError } from '@wombat/proto';
import type { Family } from '../domain/model/family.js';
import type { AfterDrain, Node, NodePhase } from '../domain/model/node.js';
import type { Operation, OperationKind, PlanAction } from '../domain/model/operation.js';
import { checkFamilyNames } from '../domain/release/check-family.js';
import { afterDrain, drainNode } from '../domain/states/draining.js';
import { inPhase } from '../domain/states/node-states.js';
import type { Transaction } from '../store/store.js';
import type { EngineTools } from './place-nodes.js';
import { nodePhaseEvent, operationEvent } from './events.js';
import { drainableNodes, type Joins } from './drain/drainable.js';
import { expectCluster } from './bootstrap/expect-cluster.js';
import { refuseWhileBusy } from './family-lock.js';
import { withNames } from './plan-names.js';

export type NodeChange = 'start' | 'stop' | 'restart' | 'drain' | 'remove';

export interface ChangeRequest {
  readonly change: NodeChange;
  /** As they are in this transaction. */
  readonly nodes: readonly Node[];
  readonly principal: string;
  readonly keepData: boolean;
  /** Of a removal: the nodes are stopped without being drained. */
  readonly noDrain?: boolean;
  readonly timeoutMs: number;
  /** Whether the strategy of a family makes its nodes join a cluster. */
  readonly joins: Joins;
}

const planActions: Readonly<Record<NodeChange, PlanAction>> = {
  start: 'start_node', stop: 'stop_node', restart: 'restart_node', drain: 'drain_node', remove: 'remove_node',
};

/**
 * Writes what is wanted of nodes that are there, and the operation that follows it. The phase is
 * moved at once, so that an old report of the agent is never taken for the outcome.
 * @throws WombatError WO_CONFLICT, WO_INVALID_ARGUMENT, WO_TEMPLATE_INVALID
 */
export async function changeNodes(tools: EngineTools, transaction: Transaction, request: ChangeRequest): Promise<Operation> {
  const { change, nodes } = request;
  if (nodes.length === 0) throw new WombatError('WO_NOT_FOUND', `there is no node to ${change}`);
  const families = await lockedFamilies(transaction, nodes);
  await refuseHeldNodes(transaction, nodes);
  const lostHosts = await hostsThatNeverWere(transaction, nodes);
  const starts = change === 'start' || change === 'restart';
  if (starts) {
    refuseNodesWithoutHost(nodes, lostHosts);
    await checkNames(transaction, nodes, families);
  }
  const now = tools.clock.now();
  const only = families.length === 1 ? families[0]! : undefined;
  const operation = await transaction.operations.insert({
    id: tools.ids.next('op'),
    name: `${change} ${nodes.length === 1 ? nodes[0]!.name : `${nodes.length} nodes${only ? ` of ${only.name}` : ''}`}`.slice(0, 64),
    generation: 1,
    observedGeneration: 0,
    kind: change as OperationKind,
    state: 'running',
    familyId: only?.id ?? '',
    principal: request.principal,
    plan: await withNames(transaction, nodes.map((node) => ({
      action: planActions[change], nodeId: node.id, nodeName: node.name, hostId: node.hostId, domainId: node.domainId, reason: 'asked for',
    }))),
    progress: { total: nodes.length, done: 0, failed: 0 },
    deadline: now + request.timeoutMs,
  });
  if (starts) {
    for (const family of families) await expectCluster(transaction, family, request.joins(family));
  }
  const drains = change === 'drain' || (change === 'remove' && !request.noDrain);
  const drainable = drains ? await drainableNodes(transaction, nodes, request.joins) : new Set<string>();
  const changed: Node[] = [];
  for (const node of nodes) {
    const next = changedNode(node, request, families, now, { lost: lostHosts.has(node.hostId), drains: drainable.has(node.id) });
    changed.push(await transaction.nodes.update({ ...next, operationId: operation.id }));
  }
  await transaction.events.append(
    operationEvent(operation, 'operation.started', `${request.principal} asks to ${operation.name}`),
    ...changed.map((node) => nodePhaseEvent(node)),
  );
  return operation;
}

interface Standing {
  /** Nothing was ever started on its host. */
  readonly lost: boolean;
  readonly drains: boolean;
}

function changedNode(node: Node, request: ChangeRequest, families: readonly Family[], now: number, { lost, drains }: Standing): Node {
  const next = { ...node, generation: node.generation + 1 };
  // Whoever starts anew starts with what the family says by now.
  const familyGeneration = families.find(({ id }) => id === node.familyId)?.generation ?? node.familyGeneration;
  const ended = (then: AfterDrain, phase: NodePhase): Node => {
    if (lost) return inPhase({ ...next, ...then }, phase, now);
    return drains ? drainNode(node, then, now) : afterDrain(node, then, now);
  };
  switch (request.change) {
    case 'start':
      return alreadyRuns(node) ? node : inPhase({ ...withAllTries(next), familyGeneration, desired: 'running' }, 'pending', now, { waiting: { reason: 'its host has not taken it yet', since: now } });
    case 'stop':
    case 'drain':
      return node.phase === 'stopped' ? node : ended({ desired: 'stopped' }, 'stopped');
    case 'restart':
      return ended({ familyGeneration, desired: 'running', restartGeneration: node.restartGeneration + 1 }, 'stopping');
    case 'remove':
      return ended({ desired: 'absent', keepData: request.keepData }, 'gone');
  }
}

/** Who asks for a node whose process runs, but which could not join, asks for another round of tries. */
export function withAllTries(node: Node): Node {
  const { membership, ...rest } = node;
  return membership?.joined ? node : rest;
}

function alreadyRuns(node: Node): boolean {
  return node.desired === 'running' && node.phase === 'running';
}

/** An operation over several families holds its nodes, not the families. */
export async function refuseHeldNodes(transaction: Transaction, nodes: readonly Node[]): Promise<void> {
  for (const id of new Set(nodes.map((node) => node.operationId))) {
    const holder = id === '' ? undefined : await transaction.operations.get(id);
    if (!holder || holder.finishedAt !== undefined) continue;
    throw new WombatError('WO_CONFLICT', `node ${nodes.find((node) => node.operationId === id)!.name} is held by operation ${holder.id} (${holder.name}, asked for by ${holder.principal})`, {
      hint: `wait for it: wo operation watch ${holder.id}`, details: { operation: holder.id },
    });
  }
}

/** Hosts whose agent has never reported: nothing was ever started there, and nobody will say that it has ended. */
async function hostsThatNeverWere(transaction: Transaction, nodes: readonly Node[]): Promise<Set<string>> {
  const lost = new Set<string>();
  for (const id of new Set(nodes.map((node) => node.hostId))) {
    const host = await transaction.hosts.get(id);
    if (!host || host.phase === 'failed' || host.phase === 'gone') lost.add(id);
  }
  return lost;
}

/** What would fail when the nodes are started is refused while they still run. */
async function checkNames(transaction: Transaction, nodes: readonly Node[], families: readonly Family[]): Promise<void> {
  const checked = new Set<string>();
  for (const { familyId, releaseId } of nodes) {
    if (checked.has(`${familyId}/${releaseId}`)) continue;
    checked.add(`${familyId}/${releaseId}`);
    const family = families.find(({ id }) => id === familyId);
    const release = await transaction.releases.get(releaseId);
    if (family && release) checkFamilyNames(release, family.spec);
  }
}

/** Nobody would ever answer. */
function refuseNodesWithoutHost(nodes: readonly Node[], lostHosts: ReadonlySet<string>): void {
  const node = nodes.find(({ hostId }) => lostHosts.has(hostId));
  if (!node) return;
  throw new WombatError('WO_CONFLICT', `the host of node ${node.name} never came into being, so it cannot run there`, {
    hint: `remove it and deploy another: wo node remove ${node.name}`,
  });
}

async function lockedFamilies(transaction: Transaction, nodes: readonly Node[]): Promise<Family[]> {
  const families: Family[] = [];
  for (const id of new Set(nodes.map((node) => node.familyId))) {
    const family = await transaction.families.get(id);
    if (!family) continue;
    await refuseWhileBusy(transaction, family);
    families.push(family);
  }
  return families;
}
