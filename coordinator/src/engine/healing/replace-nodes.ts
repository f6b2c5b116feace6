import { groupBy } from '@wombat/proto';
import type { Operation, PlanEntry } from '../../domain/model/operation.js';
import type { Family } from '../../domain/model/family.js';
import type { Host } from '../../domain/model/host.js';
import type { Node } from '../../domain/model/node.js';
import { shallRun } from '../../domain/states/draining.js';
import { hasEndedWell, inPhase, presentPhases } from '../../domain/states/node-states.js';
import type { Reader, Transaction } from '../../store/store.js';
import { expectCluster } from '../bootstrap/expect-cluster.js';
import { nodePhaseEvent, operationEvent } from '../events.js';
import { refuseWhileBusy } from '../family-lock.js';
import { operationIdOf, writeOperation } from '../operations/write-operation.js';
import { placeNodes, type EngineTools, type PlacementTools } from '../place-nodes.js';

export interface ReplaceRequest {
  readonly host: Host;
  readonly family: Family;
  /** Who asks, or what policy. */
  readonly principal: string;
  readonly reason: string;
  /** Whether the strategy of the family makes its nodes join a cluster. */
  readonly joins: boolean;
  /** Nothing runs on the host any more: its nodes need not be told. */
  readonly fenced: boolean;
  /** The record of an operation whose turn has come. */
  readonly turn?: Operation;
}

const timeoutMs = 15 * 60_000;

/** Nodes on the host that should run, and shall after a drain too. What has failed was given up before its host was lost, what has ended well is done. */
export async function nodesToReplace(read: Pick<Reader, 'nodes'>, hostId: string): Promise<Node[]> {
  const nodes = await read.nodes.find({ hostId, phase: presentPhases, desired: 'running' });
  return nodes.filter((node) => node.phase !== 'failed' && !hasEndedWell(node) && shallRun(node));
}

/**
 * Deploys one node elsewhere for each that the family has on the host, of the same release and revision. The new ones have
 * names of their own, and the old ones are wanted absent from this moment on: whoever sees one name runs it once. When the
 * host comes back after all, the full sync that its session begins with tells it to stop them; their data stays.
 * Undefined when the family has none there any more.
 *
 * @throws WombatError WO_CONFLICT, WO_NO_DOMAIN, WO_PLACEMENT_IMPOSSIBLE
 */
export async function replaceNodes(tools: PlacementTools, transaction: Transaction, request: ReplaceRequest): Promise<Operation | undefined> {
  const { host, family, reason, turn } = request;
  const olds = (await nodesToReplace(transaction, host.id)).filter(({ familyId }) => familyId === family.id);
  if (olds.length === 0) return undefined;
  await refuseWhileBusy(transaction, family, turn);
  const operationId = operationIdOf(tools, turn);
  const left = await leave(tools, transaction, request, olds);
  const plan: PlanEntry[] = [];
  const events = left.map((node) => nodePhaseEvent(node));
  // An update may have been under way: each is replaced by what it ran.
  for (const group of groupBy(olds, (node) => `${node.releaseId}/${node.familyGeneration}`).values()) {
    const { releaseId, familyGeneration } = group[0]!;
    const release = (await transaction.releases.get(releaseId))!;
    const placed = await placeNodes(tools, transaction, { family, familyGeneration, release, amount: group.length, operationId });
    const oldNames = new Map(placed.nodes.map(({ id }, index) => [id, group[index]!.name]));
    plan.push(...placed.plan.map((entry) => (entry.nodeId === '' ? entry : { ...entry, reason: `in place of ${oldNames.get(entry.nodeId)}: ${entry.reason}` })));
    events.push(...placed.events);
  }
  const operation = await writeOperation(tools, transaction, operationId, {
    name: replacementName(olds, host), kind: 'replace', familyId: family.id, principal: request.principal, plan, progress: { total: olds.length, done: 0, failed: 0 }, timeoutMs,
  }, turn);
  await expectCluster(transaction, family, request.joins);
  await transaction.events.append(operationEvent(operation, 'operation.started', `${request.principal} replaces ${olds.length} nodes of ${family.name}: ${reason}`), ...events);
  return operation;
}

/** "replace 3 nodes of cloud-1" */
function replacementName(nodes: readonly Pick<Node, 'name'>[], host: Host): string {
  return `replace ${nodes.length === 1 ? nodes[0]!.name : `${nodes.length} nodes`} of ${host.name}`;
}

/** They stay in their rows until their host has said that they have ended, or is removed. */
async function leave(tools: EngineTools, transaction: Transaction, { host, fenced }: ReplaceRequest, nodes: readonly Node[]): Promise<Node[]> {
  const now = tools.clock.now();
  const gone: Node[] = [];
  // What should have followed a drain does not any more.
  for (const { draining: _over, ...node } of nodes) {
    const next = { ...node, generation: node.generation + 1, desired: 'absent' as const, keepData: true };
    const waiting = { reason: `replaced; ${host.name} is told to remove it when it comes back`, since: now };
    const changed = await transaction.nodes.update(fenced ? inPhase(next, 'gone', now) : inPhase(next, 'unknown', now, { waiting }));
    if (changed.phase !== node.phase) gone.push(changed);
  }
  return gone;
}
