import { groupBy, WombatError } from '@wombat/proto';
import type { Family } from '../../domain/model/family.js';
import type { Host } from '../../domain/model/host.js';
import type { Node } from '../../domain/model/node.js';
import type { Operation, PlanEntry, UpdateTerms } from '../../domain/model/operation.js';
import type { Release } from '../../domain/model/release.js';
import { checkFamilyNames } from '../../domain/release/check-family.js';
import { presentPhases } from '../../domain/states/node-states.js';
import { changesBetween } from '../../domain/update/changes-between.js';
import { byTurn } from '../../domain/update/next-step.js';
import { runsAlike, runSpecOf } from '../../domain/update/run-spec.js';
import type { Reader, Transaction } from '../../store/store.js';
import type { EngineTools } from '../place-nodes.js';
import { operationEvent } from '../events.js';
import { refuseWhileBusy } from '../family-lock.js';
import { revisionAt } from '../family-revisions.js';
import { artifactOn } from '../node-spec-parts.js';
import { nodesOnHosts } from '../nodes-on-hosts.js';
import { operationIdOf, writeOperation } from '../operations/write-operation.js';
import { withNames } from '../plan-names.js';
import { refuseTakenPorts } from '../ports-allocation.js';
import { ReleaseTitles } from './release-titles.js';
import { isReachable, unreachableHosts } from './unreachable-hosts.js';

export interface UpdateRequest {
  /** As its nodes shall run it. */
  readonly family: Family;
  readonly principal: string;
  readonly maxParallel: number;
  readonly settleMs: number;
  readonly timeoutMs?: number;
  /** The record of an operation whose turn has come. */
  readonly turn?: Operation;
}

/** For one node to be fetched for, started and joined, where no deadline is asked for. */
const roundTimeoutMs = 15 * 60_000;

/** A node, and what it runs otherwise than its family says. */
interface Outdated {
  readonly node: Node;
  readonly reason: string;
}

/**
 * Writes the operation that brings the nodes of a family to what it says. Nothing happens to any of them yet; whatever can be
 * known to fail is refused here, before the first one is touched.
 * @throws WombatError WO_CONFLICT, WO_TEMPLATE_INVALID, WO_PLATFORM_MISMATCH, WO_PLACEMENT_IMPOSSIBLE
 */
export async function updateNodes(tools: EngineTools, transaction: Transaction, request: UpdateRequest): Promise<Operation> {
  const { family, principal, maxParallel, settleMs, timeoutMs, turn } = request;
  await refuseWhileBusy(transaction, family, turn);
  const outdated = await outdatedNodes(transaction, family);
  const nodes = outdated.map(({ node }) => node);
  await refuseWhatCannotRun(transaction, family, nodes);
  const plan = outdated.map(({ node, reason }): PlanEntry => ({
    action: 'update_node', nodeId: node.id, nodeName: node.name, hostId: node.hostId, domainId: node.domainId, reason,
  }));
  const update: UpdateTerms = { familyGeneration: family.generation, maxParallel, settleMs, ...(timeoutMs === undefined ? { roundTimeoutMs: roundTimeoutMs + settleMs } : {}) };
  const operation = await writeOperation(tools, transaction, operationIdOf(tools, turn), {
    name: `update ${plan.length} of ${family.name}`, kind: 'update', familyId: family.id, principal, plan: await withNames(transaction, plan),
    progress: { total: plan.length, done: 0, failed: 0 }, update, timeoutMs: timeoutMs ?? update.roundTimeoutMs!,
  }, turn);
  await transaction.events.append(operationEvent(operation, 'operation.started', `${principal} updates ${plan.length} nodes of ${family.name} to generation ${family.generation}`));
  return operation;
}

/** In the order in which they are taken. Those that run the same under an older number are given the new one. */
async function outdatedNodes(transaction: Transaction, family: Family): Promise<Outdated[]> {
  const titles = new ReleaseTitles(transaction);
  const outdated: Outdated[] = [];
  for (const node of await transaction.nodes.find({ familyId: family.id, phase: presentPhases })) {
    if (node.desired === 'absent') continue;
    const was = { ...(await revisionAt(transaction, family, node.familyGeneration))?.spec ?? family.spec, releaseId: node.releaseId };
    const willBe = { ...family.spec, releaseId: family.spec.releaseId ?? node.releaseId };
    if (!runsAlike(was, willBe)) {
      const releases = was.releaseId === willBe.releaseId ? [] : [`${await titles.of(was.releaseId)} -> ${await titles.of(willBe.releaseId)}`];
      outdated.push({ node, reason: [...releases, ...changesBetween(runSpecOf(was), runSpecOf(willBe)).filter((change) => change !== 'release')].join(', ') });
      continue;
    }
    const current = node.familyGeneration === family.generation ? node : await transaction.nodes.update({ ...node, familyGeneration: family.generation });
    if (current.desired === 'running' && current.phase === 'failed') outdated.push({ node: current, reason: 'it has failed, and is tried again' });
  }
  return inTurn(outdated, await unreachableHosts(transaction));
}

function inTurn(outdated: readonly Outdated[], unreachable: ReadonlySet<string>): Outdated[] {
  const turns = outdated.map(({ node, reason }) => ({ node, reason, turn: { ...node, isReachable: isReachable(node, unreachable) } }));
  return turns
    .sort((a, b) => byTurn(a.turn, b.turn))
    .map(({ node, reason, turn }) => ({ node, reason: turn.isReachable || node.desired === 'stopped' ? reason : `${reason}; its host does not answer: taken when it does` }));
}

async function refuseWhatCannotRun(transaction: Transaction, family: Family, nodes: readonly Node[]): Promise<void> {
  const hosts = new Map<string, Host | undefined>();
  const neighbours = await nodesOnHosts(transaction, [...new Set(nodes.map(({ hostId }) => hostId))]);
  for (const [releaseId, theirs] of groupBy(nodes, (node) => family.spec.releaseId ?? node.releaseId)) {
    const release = await requireRelease(transaction, releaseId);
    checkFamilyNames(release, family.spec);
    refuseOneHost(release, theirs);
    const others = neighbours.filter(({ id }) => !theirs.some((node) => node.id === id));
    for (const node of theirs) {
      if (!hosts.has(node.hostId)) hosts.set(node.hostId, await transaction.hosts.get(node.hostId));
      const host = hosts.get(node.hostId);
      if (host) artifactOn(host, release);
      refuseTakenPorts(release.manifest, node, others);
    }
  }
}

/** A number that the manifest fixes is there once on a host. */
function refuseOneHost({ manifest, name, version }: Release, nodes: readonly Node[]): void {
  const port = manifest.ports.find(({ number }) => number > 0);
  const crowded = port && [...groupBy(nodes, ({ hostId }) => hostId).values()].find((theirs) => theirs.length > 1);
  if (!crowded) return;
  throw new WombatError('WO_PLACEMENT_IMPOSSIBLE', `${crowded[0]!.name} and ${crowded[1]!.name} are on one host, and ${name} ${version} fixes port ${port.number} (${port.name})`, {
    hint: 'let the manifest leave the number open, or put the nodes on hosts of their own',
  });
}

/** @throws WombatError WO_NOT_FOUND */
export async function requireRelease(read: Pick<Reader, 'releases'>, releaseId: string): Promise<Release> {
  const release = await read.releases.get(releaseId);
  if (!release) throw new WombatError('WO_NOT_FOUND', `the release ${releaseId} is not there any more`, { hint: 'name one that is: wo family update FAMILY --release RELEASE' });
  return release;
}
