import { WombatError, type Clock } from '@wombat/proto';
import { failpoint } from '@wombat/proto/failpoints';
import type { ClusterHealth } from '../domain/model/family.js';
import { nodePhases, type Node, type NodePhase } from '../domain/model/node.js';
import type { StoredError } from '../domain/model/object.js';
import type { Operation, OperationKind, OperationProgress, OperationState } from '../domain/model/operation.js';
import { endedWell } from '../domain/states/node-states.js';
import type { Store, Transaction } from '../store/store.js';
import { operationEvent, storedError } from './events.js';
import { finishCancelled } from './operations/finish-cancelled.js';
import { emptyHosts, releaseEmptyHosts } from './operations/release-empty-hosts.js';
import { restingPhases, restOf } from './operations/rest.js';
import { outcomesOf } from './operations/steps.js';
import type { Turns } from './operations/turns.js';

/** The phase that means "as asked for", by what was asked; that of a scaling is told by its plan. */
const wanted: Readonly<Record<Exclude<OperationKind, 'scale' | 'update_agents'>, NodePhase>> = {
  deploy: 'running', replace: 'running', start: 'running', restart: 'running', update: 'running', stop: 'stopped', drain: 'stopped', remove: 'gone', drain_host: 'gone', remove_host: 'gone',
};

/** Once they have begun. */
const ownControllers: readonly OperationKind[] = ['update', 'update_agents'];

const longestRestMs = 500;
/** 1,000 entries of a plan rest for 50 ms, 3 entries do not rest. */
const entriesPerRestMs = 20;

/** Reads the progress of an operation off its nodes and hosts, and ends it when they are settled. */
export class OperationController {
  /** Operation id -> when it may be looked at again: the record of a large one is costly to read and to write. */
  readonly #restUntilMs = new Map<string, number>();

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly turns: Pick<Turns, 'look'>,
  ) {}

  async all(): Promise<readonly string[]> {
    return this.store.read.operations.ids({ state: ['waiting', 'running', 'cancelling'] });
  }

  async reconcile(operationId: string): Promise<number | void> {
    const restMs = (this.#restUntilMs.get(operationId) ?? 0) - this.clock.monotonic();
    if (restMs > 0) return restMs;
    const operation = await this.store.read.operations.get(operationId);
    if (operation?.state === 'waiting') return this.turns.look(operationId);
    if (!operation || operation.finishedAt !== undefined || ownControllers.includes(operation.kind)) {
      this.#restUntilMs.delete(operationId);
      return;
    }
    this.#restUntilMs.set(operationId, this.clock.monotonic() + Math.min(longestRestMs, Math.floor(operation.plan.length / entriesPerRestMs)));
    const judged = await this.#judge(operation);
    const overdue = operation.deadline !== undefined && operation.deadline <= this.clock.now();
    if (judged.settled || overdue) {
      await failpoint('coordinator.operation.before-finish');
      await this.store.transaction((transaction) => this.#finish(transaction, operation, judged, overdue && !judged.settled));
      await failpoint('coordinator.operation.after-finish');
      return;
    }
    if (!sameProgress(operation.progress, judged.progress)) {
      await this.store.transaction((transaction) => transaction.operations.update({ ...operation, progress: judged.progress }));
    }
    return operation.deadline === undefined ? undefined : Math.max(50, operation.deadline - this.clock.now());
  }

  async #judge(operation: Operation): Promise<Judgement> {
    if (operation.state === 'cancelling') return this.#judgeRest(operation);
    if (operation.kind === 'remove_host') return this.#judgeHost(operation);
    const { done, ended, failed } = await this.#countNodes(operation);
    const total = operation.progress.total;
    // Nodes that a later operation has taken over say nothing about this one any more.
    const taken = Math.max(0, total - (await this.store.read.nodes.count({ operationId: operation.id })));
    const settled = done + failed + taken >= total && (await this.#clusterSettled(operation, done - ended));
    return { progress: { total, done, failed }, ended, settled };
  }

  async #countNodes(operation: Operation): Promise<Tally> {
    const { nodes } = this.store.read;
    const [operationId, goal] = [operation.id, goalOf(operation)];
    const ended = goal === 'running' ? await nodes.count({ operationId, ...endedWell }) : 0;
    return { done: ended + (await nodes.count({ operationId, phase: goal })), ended, failed: await nodes.count({ operationId, phase: 'failed' }) };
  }

  /** A cancelled one is over when nothing of it goes on. */
  async #judgeRest(operation: Operation): Promise<Judgement> {
    const { read } = this.store;
    await this.#releaseHosts(operation);
    const moving = await read.nodes.count({ operationId: operation.id, phase: nodePhases.filter((phase) => !restingPhases.includes(phase)) });
    const { done, ended, failed } = await this.#countNodes(operation);
    return { progress: { total: operation.progress.total, done, failed }, ended, settled: moving === 0 && (await emptyHosts(read, operation)).length === 0 };
  }

  async #releaseHosts(operation: Operation): Promise<void> {
    if ((await emptyHosts(this.store.read, operation)).every(({ desired }) => desired === 'absent')) return;
    await this.store.transaction((transaction) => releaseEmptyHosts(transaction, operation));
  }

  async #judgeHost(operation: Operation): Promise<Judgement> {
    const host = await this.store.read.hosts.get(operation.plan[0]?.hostId ?? '');
    const done = host === undefined || host.phase === 'gone' ? 1 : 0;
    return { progress: { total: 1, done, failed: 0 }, ended: 0, settled: done === 1 };
  }

  /** Nodes that shall form a cluster are not done before the cluster was looked at. */
  async #clusterSettled(operation: Operation, running: number): Promise<boolean> {
    if (goalOf(operation) !== 'running' || operation.familyId === '' || running === 0) return true;
    return (await this.#clusterHealth(operation)) !== 'forming';
  }

  async #clusterHealth(operation: Operation): Promise<ClusterHealth> {
    return (await this.store.read.families.get(operation.familyId))?.cluster.health ?? 'not_clustered';
  }

  async #finish(transaction: Transaction, seen: Operation, judged: Judgement, overdue: boolean): Promise<void> {
    const operation = await transaction.operations.get(seen.id);
    // Cancelled since it was judged: that has begun something of its own, and is judged next.
    if (!operation || operation.state !== seen.state) return;
    const now = this.clock.now();
    if (operation.state === 'cancelling') return finishCancelled(transaction, operation, { progress: judged.progress, rest: await restOf(transaction, operation), now });
    const error = await this.#errorOf(transaction, operation, judged, overdue);
    const finished = await transaction.operations.update({
      ...operation,
      ...(await outcomesOf(transaction, operation, now)),
      state: finalState(judged.progress, error),
      progress: judged.progress,
      finishedAt: now,
      observedGeneration: operation.generation,
      ...(error ? { error } : {}),
    });
    await transaction.events.append(operationEvent(finished, 'operation.finished', summary(finished, judged.ended)));
  }

  async #errorOf(transaction: Transaction, operation: Operation, judged: Judgement, overdue: boolean): Promise<StoredError | undefined> {
    const failed = await firstNode(transaction, operation, ['failed']);
    if (failed?.lastError) return { ...failed.lastError, message: `${failed.name}: ${failed.lastError.message}` };
    if (overdue) return storedError(overdueError(await firstNode(transaction, operation, lateIn(operation)), judged, (await transaction.families.get(operation.familyId))?.cluster.unseen));
    const taken = operation.kind === 'remove_host' ? 0 : judged.progress.total - (await transaction.nodes.count({ operationId: operation.id }));
    if (taken > 0) return storedError(new WombatError('WO_CONFLICT', `${taken} of its nodes were taken over by a later operation`));
    if (goalOf(operation) === 'running' && operation.familyId !== '' && (await this.#clusterHealth(operation)) === 'split') {
      return storedError(new WombatError('WO_CLUSTER_SPLIT', 'the nodes run, but they are not one cluster'));
    }
    return undefined;
  }
}

function goalOf({ kind, plan }: Operation): NodePhase {
  if (kind !== 'scale' && kind !== 'update_agents') return wanted[kind];
  return plan.some(({ action }) => action === 'remove_node') ? 'gone' : 'running';
}

/** Its nodes: `done` counts those that have ended in good order too. */
interface Tally {
  readonly done: number;
  readonly ended: number;
  readonly failed: number;
}

interface Judgement {
  readonly progress: OperationProgress;
  readonly ended: number;
  readonly settled: boolean;
}

/** Only one is looked at: there may be thousands. */
async function firstNode(transaction: Transaction, operation: Operation, phase: readonly NodePhase[]): Promise<Node | undefined> {
  return (await transaction.nodes.page({ where: { operationId: operation.id, phase }, pageSize: 1 })).items[0];
}

function lateIn(operation: Operation): readonly NodePhase[] {
  const goal = goalOf(operation);
  return nodePhases.filter((phase) => phase !== goal && !(goal === 'running' && phase === endedWell.phase));
}

function overdueError(late: Node | undefined, { progress }: Judgement, unseen: string | undefined): WombatError {
  const cluster = unseen === undefined ? '' : `; whether they are one cluster was not seen: ${unseen}`;
  const where = late ? `: ${late.name} is ${late.phase}${late.waiting ? ` (${late.waiting.reason})` : ''}` : cluster;
  return new WombatError('WO_DEADLINE_EXCEEDED', `${progress.done} of ${progress.total} are as asked for${where}`);
}

function finalState(progress: OperationProgress, error: StoredError | undefined): OperationState {
  if (!error && progress.done >= progress.total) return 'succeeded';
  return progress.done > 0 ? 'partial' : 'failed';
}

function sameProgress(a: OperationProgress, b: OperationProgress): boolean {
  return a.done === b.done && a.failed === b.failed && a.total === b.total;
}

function summary(operation: Operation, ended: number): string {
  const { done, total, failed } = operation.progress;
  const counts = `${done} of ${total} done${ended ? `, ${ended} of them ended in good order` : ''}${failed ? `, ${failed} failed` : ''}`;
  return `${operation.name}: ${operation.state} (${counts})${operation.error ? `: ${operation.error.message}` : ''}`;
}
