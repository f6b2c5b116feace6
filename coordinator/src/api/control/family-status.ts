import type { GetFamilyStatusResponse } from '@wombat/proto/control';
import type { Family } from '../../domain/model/family.js';
import { nodePhases, type Node, type NodeDesired, type NodePhase } from '../../domain/model/node.js';
import { presentPhases } from '../../domain/states/node-states.js';
import { countOutdated } from '../../engine/update/count-outdated.js';
import type { Store, Where } from '../../store/store.js';
import { nodeNames } from './node-names.js';
import { nodeView } from './views/node-view.js';
import { operationView } from './views/operation-view.js';

/** Nodes of one answer. */
const maximumNodes = 1_000;
const settledAs: Readonly<Record<NodeDesired, NodePhase>> = { running: 'running', stopped: 'stopped', absent: 'gone' };

/** What an operator asks at night. Nodes are counted by the store; only those that are shown are read. */
export async function familyStatus(store: Store, family: Family): Promise<Omit<GetFamilyStatusResponse, 'family'>> {
  const { read } = store;
  const here = { familyId: family.id, phase: presentPhases };
  const [phases, wanted, shown, active, outdatedNodes] = await Promise.all([
    read.nodes.countBy('phase', here),
    read.nodes.count({ ...here, desired: 'running' }),
    shownNodes(store, family.id),
    read.operations.find({ familyId: family.id, state: ['waiting', 'running', 'cancelling'] }),
    countOutdated(read, family),
  ]);
  const release = family.spec.releaseId === undefined ? undefined : await read.releases.get(family.spec.releaseId);
  const namesOf = await nodeNames(read, shown);
  const failed = shown.filter((node) => node.lastError && node.phase === 'failed').sort((a, b) => b.phaseSince - a.phaseSince)[0];
  return {
    phases,
    wantedRunning: wanted,
    nodes: shown.map((node) => nodeView(node, namesOf(node))),
    releaseTitle: release ? `${release.name} ${release.version}` : '',
    activeOperations: active.map(operationView),
    outdatedNodes,
    lastFailure: failed?.lastError && { nodeId: failed.id, operationId: failed.operationId, error: { ...failed.lastError, details: {} }, logTail: failed.logTail },
  };
}

/** Those that are not as wanted first. */
async function shownNodes(store: Store, familyId: string): Promise<Node[]> {
  const unsettled = (['running', 'stopped', 'absent'] as const).map((desired) => ({
    familyId, desired, phase: nodePhases.filter((phase) => phase !== settledAs[desired] && phase !== 'gone'),
  }));
  const settled = (['running', 'stopped'] as const).map((desired) => ({ familyId, desired, phase: settledAs[desired] }));
  const first = await nodesOf(store, unsettled, maximumNodes);
  return [...first, ...(await nodesOf(store, settled, maximumNodes - first.length))];
}

async function nodesOf(store: Store, wheres: readonly Where<'nodes'>[], limit: number): Promise<Node[]> {
  if (limit <= 0) return [];
  const pages = await Promise.all(wheres.map((where) => store.read.nodes.page({ where, pageSize: limit })));
  return pages.flatMap(({ items }) => items).sort((a, b) => a.ordinal - b.ordinal).slice(0, limit);
}
