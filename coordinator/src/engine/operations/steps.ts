import type { Host } from '../../domain/model/host.js';
import type { Node, NodePhase } from '../../domain/model/node.js';
import type { Operation, PlanEntry, Step } from '../../domain/model/operation.js';
import { hasEndedWell, presentPhases } from '../../domain/states/node-states.js';
import type { Reader } from '../../store/store.js';
import { agentUpdateStep } from '../agent-updates/agent-update-step.js';
import { hostsOf } from '../hosts-of.js';

/** Larger plans are read off their nodes even when they have ended: their records are costly enough. */
const keptSteps = 2_000;
const whyLength = 500;

type StepReader = Pick<Reader, 'nodes' | 'hosts'>;

/** Read off the nodes and hosts themselves while it goes on; what has ended stays as it was then. */
export async function stepsOf(read: StepReader, operation: Operation): Promise<readonly Step[]> {
  if (operation.outcomes) return operation.outcomes;
  return readSteps(read, operation, operation.finishedAt === undefined ? await untaken(read, operation) : new Set());
}

/** What is kept with an operation that ends now, before others have its nodes. */
export async function outcomesOf(read: StepReader, operation: Operation, now: number): Promise<Pick<Operation, 'outcomes'>> {
  if (operation.plan.length > keptSteps) return {};
  const steps = await readSteps(read, { ...operation, finishedAt: now }, await untaken(read, operation));
  return { outcomes: steps.map((step) => ({ ...step, why: step.why.slice(0, whyLength) })) };
}

async function readSteps(read: StepReader, operation: Operation, untakenIds: ReadonlySet<string>): Promise<Step[]> {
  const nodes = new Map((await read.nodes.find({ operationId: operation.id })).map((node) => [node.id, node]));
  const hosts = await hostsOf(read, operation.plan.filter(isOfHost).map(({ hostId }) => hostId));
  return operation.plan.map((entry) => {
    if (entry.action === 'update_agent') return agentUpdateStep(hosts.get(entry.hostId), operation);
    if (isOfHost(entry)) return hostStep(entry, hosts.get(entry.hostId));
    return untakenIds.has(entry.nodeId) ? untakenStep(operation) : nodeStep(entry, nodes.get(entry.nodeId), operation);
  });
}

/** An update takes its nodes one after another; those whose turn has not come still bear the id of what was before. */
async function untaken(read: StepReader, { id, kind, familyId }: Operation): Promise<Set<string>> {
  if (kind !== 'update') return new Set();
  const present = await read.nodes.find({ familyId, phase: presentPhases });
  return new Set(present.filter(({ operationId }) => operationId !== id).map((node) => node.id));
}

function untakenStep({ finishedAt }: Operation): Step {
  return finishedAt === undefined ? { state: 'waiting', why: '' } : { state: 'left', why: 'not reached: the update had ended before its turn' };
}

function isOfHost({ action }: PlanEntry): boolean {
  return action === 'create_host' || action === 'destroy_host' || action === 'update_agent';
}

function hostStep({ action }: PlanEntry, host: Host | undefined): Step {
  if (!host) return action === 'destroy_host' ? { state: 'done', why: '' } : { state: 'left', why: 'the host is gone' };
  const said = { since: host.phaseSince, why: host.waiting?.reason ?? '' };
  if (action === 'destroy_host') return host.phase === 'gone' ? { ...said, state: 'done' } : { ...said, state: host.phase === 'destroying' ? 'active' : 'waiting' };
  switch (host.phase) {
    case 'requested':
      return { ...said, state: 'waiting' };
    case 'creating':
    case 'booting':
      return { ...said, state: 'active', why: said.why || `it is ${host.phase}` };
    case 'failed':
      return { ...said, state: 'failed', why: host.lastError?.message ?? '' };
    case 'destroying':
    case 'gone':
      return { ...said, state: 'left', why: `the host is ${host.phase}` };
    default:
      return { ...said, state: 'done', why: '' };
  }
}

const goals: Readonly<Record<string, NodePhase>> = {
  create_node: 'running', start_node: 'running', restart_node: 'running', stop_node: 'stopped', drain_node: 'stopped', remove_node: 'gone',
};

function nodeStep({ action }: PlanEntry, node: Node | undefined, operation: Operation): Step {
  if (!node) return { state: 'left', why: 'a later operation has the node, or it is no more' };
  const said = { since: node.phaseSince, why: node.waiting?.reason ?? '' };
  const goal = goals[action] ?? 'running';
  if (node.phase === goal) return { ...said, state: 'done', why: '' };
  if (goal === 'running' && hasEndedWell(node)) return { ...said, state: 'done', why: 'it has ended in good order, as its restart policy lets it' };
  if (operation.finishedAt !== undefined) return { ...said, state: node.phase === 'failed' ? 'failed' : 'left', why: node.phase === 'failed' ? (node.lastError?.message ?? '') : `it is ${node.phase}` };
  if (node.phase === 'failed') return { ...said, state: 'failed', why: node.lastError?.message ?? '' };
  if (node.phase === 'pending') return { ...said, state: 'waiting' };
  return { ...said, state: 'active', why: said.why ? `${node.phase}: ${said.why}` : node.phase };
}
