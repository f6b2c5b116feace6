import { WombatError, type Clock, type ErrorCode, quoted } from '@wombat/proto';
import { failpoint } from '@wombat/proto/failpoints';
import type { Family } from '../../domain/model/family.js';
import type { Node } from '../../domain/model/node.js';
import type { StoredError, Waiting } from '../../domain/model/object.js';
import type { Operation, OperationProgress, OperationState, UpdateTerms } from '../../domain/model/operation.js';
import { hasEndedWell, presentPhases } from '../../domain/states/node-states.js';
import { nextUpdateStep, type UpdateNode, type UpdateSituation, type UpdateStep } from '../../domain/update/next-step.js';
import type { Reader, Store, Transaction } from '../../store/store.js';
import { expectCluster } from '../bootstrap/expect-cluster.js';
import { joinsCluster } from '../bootstrap/joins-cluster.js';
import { drainableNodes } from '../drain/drainable.js';
import { nodePhaseEvent, operationEvent, storedError } from '../events.js';
import { revisionAt } from '../family-revisions.js';
import { finishCancelled } from '../operations/finish-cancelled.js';
import { outcomesOf } from '../operations/steps.js';
import type { StrategyDirectory } from '../ports.js';
import { takeNode } from './take-node.js';
import { requireRelease } from './update-nodes.js';
import { isReachable, unreachableHosts } from './unreachable-hosts.js';
import { whatRunsWhat } from './what-runs.js';

export interface UpdateControllerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly strategies: StrategyDirectory;
}

type Update = Operation & { readonly update: UpdateTerms };

type Stopped = 'failed' | 'overdue';

/** Where an update stands, read off its nodes. */
interface Look {
  readonly operation: Update;
  readonly family: Family;
  readonly nodes: ReadonlyMap<string, Node>;
  readonly step: UpdateStep;
  readonly progress: OperationProgress;
  /** Until the next node that runs has run for long enough. */
  readonly steadyInMs: number | undefined;
}

/** Of taking a node: trying again would end the same way. */
const refusals: readonly ErrorCode[] = ['WO_NOT_FOUND', 'WO_PLACEMENT_IMPOSSIBLE'];
const activeStates: readonly OperationState[] = ['running', 'cancelling'];

/**
 * Drives the update of a family, one look at a family at a time. All that it knows lies in the store: the nodes that an update
 * has begun with carry its id, and the rule in the domain says which are next. So it goes on wherever it was killed.
 */
export class UpdateController {
  readonly #options: UpdateControllerOptions;
  readonly #joins = (family: Family): boolean => joinsCluster(this.#options.strategies, family);

  constructor(options: UpdateControllerOptions) {
    this.#options = options;
  }

  /** Families that are being updated. */
  async all(): Promise<readonly string[]> {
    return (await this.#options.store.read.operations.find({ kind: 'update', state: activeStates })).map(({ familyId }) => familyId);
  }

  async reconcile(familyId: string): Promise<number | void> {
    const { store, clock } = this.#options;
    const seen = await this.#look(store.read, familyId);
    if (!seen) return;
    if (seen.step.kind !== 'wait' || this.#isOverdue(seen) || this.#isNews(seen)) {
      await failpointBefore(seen.step);
      await this.#advance(familyId);
      await failpointAfter(seen.step);
    }
    return Math.max(50, Math.min(seen.steadyInMs ?? Infinity, (seen.operation.deadline ?? Infinity) - clock.now()));
  }

  async #advance(familyId: string): Promise<void> {
    const { store } = this.#options;
    try {
      await store.transaction((transaction) => this.#step(transaction, familyId));
    } catch (error) {
      if (!WombatError.is(error) || !refusals.includes(error.code)) throw error;
      await store.transaction((transaction) => this.#step(transaction, familyId, error));
    }
  }

  async #step(transaction: Transaction, familyId: string, refusal?: WombatError): Promise<void> {
    const look = await this.#look(transaction, familyId);
    if (!look) return;
    const { step } = look;
    if (refusal) return this.#end(transaction, look, 'failed', refusal);
    if (step.kind === 'end') return this.#end(transaction, look, step.outcome);
    if (this.#isOverdue(look)) return this.#end(transaction, look, look.operation.state === 'cancelling' ? 'cancelled' : 'overdue');
    if (step.kind === 'take') return this.#take(transaction, look, step.nodeIds);
    await transaction.operations.update(this.#noted(look));
  }

  #isOverdue({ operation }: Look): boolean {
    return (operation.deadline ?? Infinity) <= this.#options.clock.now();
  }

  async #look(read: Pick<Reader, 'operations' | 'families' | 'nodes' | 'hosts'>, familyId: string): Promise<Look | undefined> {
    const [operation] = (await read.operations.find({ familyId, kind: 'update', state: activeStates })) as Update[];
    const family = operation && (await read.families.get(familyId));
    if (!family) return undefined;
    const planned = new Set(operation.plan.map(({ nodeId }) => nodeId));
    const rows = await read.nodes.find({ familyId, phase: presentPhases });
    const unreachable = await unreachableHosts(read);
    const nodes = rows.map((node) => this.#seen(node, operation, { isPlanned: planned.has(node.id), isReachable: isReachable(node, unreachable) }));
    const situation: UpdateSituation = { nodes, maxParallel: operation.update.maxParallel, isCancelled: operation.state === 'cancelling', cluster: clusterOf(family) };
    const ours = nodes.filter(({ isTaken }) => isTaken);
    const failed = ours.filter(({ phase }) => phase === 'failed').length;
    const done = ours.filter((node) => node.desired === 'stopped' || node.phase === 'running' || hasEndedWell(node)).length;
    const waits = rows.filter((node) => node.operationId === operation.id && node.phase === 'running').map((node) => this.#steadyInMs(node, operation)).filter((ms) => ms > 0);
    return {
      operation, family, nodes: new Map(rows.map((node) => [node.id, node])), step: nextUpdateStep(situation),
      progress: { total: operation.progress.total, done, failed }, steadyInMs: waits.length > 0 ? Math.min(...waits) : undefined,
    };
  }

  #seen(node: Node, operation: Update, known: Pick<UpdateNode, 'isPlanned' | 'isReachable'>): UpdateNode {
    const { id, name, ordinal, desired, phase } = node;
    return { id, name, ordinal, desired, phase, ...known, isTaken: node.operationId === operation.id, isSteady: this.#steadyInMs(node, operation) <= 0 };
  }

  /** Nobody waits for steadiness any more when no further node is taken. */
  #steadyInMs(node: Node, { update, state }: Update): number {
    if (state === 'cancelling') return 0;
    return node.phaseSince + update.settleMs - this.#options.clock.now();
  }

  async #take(transaction: Transaction, look: Look, nodeIds: readonly string[]): Promise<void> {
    const { operation, family, nodes } = look;
    const { familyGeneration, roundTimeoutMs } = operation.update;
    const now = this.#options.clock.now();
    const revision = await revisionAt(transaction, family, familyGeneration);
    const drainable = await drainableNodes(transaction, nodeIds.map((id) => nodes.get(id)!), this.#joins);
    const taken: Node[] = [];
    for (const id of nodeIds) {
      const node = nodes.get(id)!;
      const release = await requireRelease(transaction, revision?.spec.releaseId ?? node.releaseId);
      taken.push(await takeNode(transaction, node, { operationId: operation.id, familyGeneration, release, drains: drainable.has(id), now }));
    }
    if (taken.some(({ desired }) => desired === 'running')) await expectCluster(transaction, family, this.#joins(family));
    await transaction.operations.update({ ...this.#noted(look), ...(roundTimeoutMs === undefined ? {} : { deadline: now + roundTimeoutMs }) });
    await transaction.events.append(...taken.map((node) => nodePhaseEvent(node)));
  }

  #isNews(look: Look): boolean {
    const { operation } = look;
    const noted = this.#noted(look);
    return operation.waiting?.reason !== noted.waiting?.reason || operation.progress.done !== noted.progress.done || operation.progress.failed !== noted.progress.failed;
  }

  /** The record of the operation, with what it has come to and waits for. */
  #noted({ operation, step, progress }: Look): Operation {
    const { waiting, ...rest } = operation;
    if (step.kind !== 'wait' || step.reason === undefined) return { ...rest, progress };
    const now: Waiting = waiting?.reason === step.reason ? waiting : { reason: step.reason, since: this.#options.clock.now() };
    return { ...rest, progress, waiting: now };
  }

  async #end(transaction: Transaction, look: Look, outcome: 'done' | 'cancelled' | Stopped, refusal?: WombatError): Promise<void> {
    if (outcome === 'cancelled') return this.#endCancelled(transaction, look);
    const { operation, family, progress } = look;
    const { waiting: _over, ...rest } = operation;
    const error = outcome === 'done' ? undefined : await this.#errorOf(transaction, look, refusal ? storedError(refusal) : causeOf(look, outcome));
    const state: OperationState = outcome === 'done' ? 'succeeded' : progress.done > 0 ? 'partial' : 'failed';
    const now = this.#options.clock.now();
    const outcomes = await outcomesOf(transaction, operation, now);
    const finished = await transaction.operations.update({
      ...rest, ...outcomes, state, progress, finishedAt: now, observedGeneration: operation.generation, ...(error ? { error } : {}),
    });
    const message = error ? `: ${error.message}` : `: ${progress.done} of ${progress.total} nodes run generation ${operation.update.familyGeneration} of ${family.name}`;
    await transaction.events.append(operationEvent(finished, 'operation.finished', `${operation.name}: ${state}${message}`));
  }

  async #endCancelled(transaction: Transaction, { operation: { waiting: _over, ...operation }, family, progress }: Look): Promise<void> {
    const rest = `${progress.done} of ${progress.total} nodes are updated; ${await whatRunsWhat(transaction, family.id)}; ${waysFrom(family)}`;
    await finishCancelled(transaction, operation, { progress, rest, now: this.#options.clock.now() });
  }

  /** Whatever stopped it: what runs what now, how to go on, and how to go back. */
  async #errorOf(transaction: Transaction, { family }: Look, cause: StoredError): Promise<StoredError> {
    const ways = waysFrom(family);
    return { ...cause, message: `${cause.message}; ${await whatRunsWhat(transaction, family.id)}`, hint: cause.hint === '' ? ways : `${cause.hint}; ${ways}` };
  }
}

function failpointBefore({ kind }: UpdateStep): Promise<void> | undefined {
  if (kind === 'wait') return undefined;
  return failpoint(kind === 'take' ? 'coordinator.update.before-take' : 'coordinator.operation.before-finish');
}

function failpointAfter({ kind }: UpdateStep): Promise<void> | undefined {
  if (kind === 'wait') return undefined;
  return failpoint(kind === 'take' ? 'coordinator.update.after-take' : 'coordinator.operation.after-finish');
}

function waysFrom({ name }: Family): string {
  const update = `wo family update ${quoted(name)}`;
  return `to go on: ${update}; to go back: ${update} --rollback`;
}

function causeOf({ operation, family, nodes, progress }: Look, outcome: Stopped): StoredError {
  const taken = [...nodes.values()].filter((node) => node.operationId === operation.id);
  const failed = taken.find(({ phase }) => phase === 'failed');
  if (failed) return { code: failed.lastError?.code ?? 'WO_NODE_START_FAILED', hint: failed.lastError?.hint ?? '', message: `${failed.name}: ${failed.lastError?.message ?? 'it has failed'}` };
  if (outcome === 'failed') return storedError(new WombatError('WO_CLUSTER_SPLIT', `the nodes of ${family.name} are not one cluster`));
  const late = taken.find((node) => node.desired === 'running' && node.phase !== 'running' && !hasEndedWell(node));
  const what = late ? `${late.name} is ${late.phase}${late.waiting ? ` (${late.waiting.reason})` : ''}` : (operation.waiting?.reason ?? 'no node could be taken');
  return { code: 'WO_DEADLINE_EXCEEDED', hint: '', message: `${progress.done} of ${progress.total} nodes are done: ${what}` };
}

function clusterOf({ cluster }: Family): UpdateSituation['cluster'] {
  return cluster.health === 'forming' || cluster.health === 'split' ? cluster.health : 'sound';
}
