import { quoted, WombatError } from '@wombat/proto';
import type { Family } from '../domain/model/family.js';
import type { AfterDrain, Node, NodePhase } from '../domain/model/node.js';
import type { NodeChange, Operation, PlanAction } from '../domain/model/operation.js';
import { checkFamilyNames } from '../domain/release/check-family.js';
import { afterDrain, drainNode } from '../domain/states/draining.js';
import { inPhase } from '../domain/states/node-states.js';
import type { Transaction } from '../store/store.js';
import type { EngineTools } from './place-nodes.js';
import { nodePhaseEvent, operationEvent } from './events.js';
import { drainableNodes, type Joins } from './drain/drainable.js';
import { expectCluster } from './bootstrap/expect-cluster.js';
import { refuseWhileBusy } from './family-lock.js';
import { operationIdOf, writeOperation } from './operations/write-operation.js';
import { withNames } from './plan-names.js';

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
  /** As part of what. @default the change itself */
  readonly as?: Pick<Operation, 'kind' | 'name'>;
  /** The record of an operation whose turn has come. */
  readonly turn?: Operation;
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
  const families = await lockedFamilies(transaction, nodes, request.turn);
  const lostHosts = await hostsThatNeverWere(transaction, nodes);
  const starts = change === 'start' || change === 'restart';
  if (starts) {
    refuseNodesWithoutHost(nodes, lostHosts);
    await checkNames(transaction, nodes, families);
  }
  const now = tools.clock.now();
  const only = families.length === 1 ? families[0]! : undefined;
  const as = request.as ?? { kind: change, name: changeName(change, nodes, only) };
  const operation = await writeOperation(tools, transaction, operationIdOf(tools, request.turn), {
    ...as, familyId: only?.id ?? '', ...(only ? {} : { familyIds: families.map(({ id }) => id) }), principal: request.principal, timeoutMs: request.timeoutMs,
    plan: await withNames(transaction, nodes.map((node) => ({
      action: planActions[change], nodeId: node.id, nodeName: node.name, hostId: node.hostId, domainId: node.domainId, reason: 'asked for',
    }))),
    progress: { total: nodes.length, done: 0, failed: 0 },
  }, request.turn);
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

/** "stop 3 nodes of web" */
export function changeName(change: NodeChange, nodes: readonly Pick<Node, 'name'>[], only: Pick<Family, 'name'> | undefined): string {
  return `${change} ${nodes.length === 1 ? nodes[0]!.name : `${nodes.length} nodes${only ? ` of ${only.name}` : ''}`}`;
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
    hint: `remove it and deploy another: wo node remove ${quoted(node.name)}`,
  });
}

async function lockedFamilies(transaction: Transaction, nodes: readonly Node[], turn: Operation | undefined): Promise<Family[]> {
  const families: Family[] = [];
  for (const id of new Set(nodes.map((node) => node.familyId))) {
    const family = await transaction.families.get(id);
    if (!family) continue;
    await refuseWhileBusy(transaction, family, turn);
    families.push(family);
  }
  return families;
}
