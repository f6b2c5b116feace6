import { WombatError, type Clock } from '@wombat/proto';
import type { AgentUpdate, AgentUpdateTerms } from '../../domain/model/agent-update.js';
import type { Host } from '../../domain/model/host.js';
import type { StoredError } from '../../domain/model/object.js';
import type { Operation, OperationProgress, OperationState, Step } from '../../domain/model/operation.js';
import { updateFailed } from '../../domain/update/agent-reported.js';
import { nextAgents, type AgentStep } from '../../domain/update/next-agents.js';
import type { Fleet } from '../../fleet/fleet.js';
import type { Reader, Store, Transaction } from '../../store/store.js';
import { agentEvent, operationEvent, storedError } from '../events.js';
import { hostsOf } from '../hosts-of.js';
import { finishCancelled } from '../operations/finish-cancelled.js';
import { outcomesOf } from '../operations/steps.js';
import { agentUpdateStep } from './agent-update-step.js';
import { packageFor } from './package-for.js';
import { hostWithinMs } from './update-agents.js';

export interface AgentUpdateControllerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly fleet: Pick<Fleet, 'updateAgent'>;
}

type Update = Operation & { readonly agents: AgentUpdateTerms };

/** Where an update of agents stands, read off its hosts. */
interface Look {
  readonly operation: Update;
  readonly hosts: ReadonlyMap<string, Host>;
  readonly steps: readonly Step[];
  readonly next: AgentStep;
  readonly progress: OperationProgress;
  /** Under way for longer than an agent may take. */
  readonly late: readonly Host[];
}

/** An order is given anew when nothing was heard for so long, and whenever the agent comes back. */
const orderAgainMs = 30_000;

/**
 * Drives updates of agents, each by what its hosts say in the store: the order to an agent is sent again until the agent has
 * said how it went, and an agent that has taken it does nothing twice.
 */
export class AgentUpdateController {
  readonly #options: AgentUpdateControllerOptions;
  /** By host: when its order went out last, over a session that lasts. */
  readonly #orderedAtMs = new Map<string, number>();

  constructor(options: AgentUpdateControllerOptions) {
    this.#options = options;
  }

  async all(): Promise<readonly string[]> {
    return this.#options.store.read.operations.ids({ kind: 'update_agents', state: ['running', 'cancelling'] });
  }

  /** Whatever it was told over its last session may be lost. */
  connected(hostId: string): void {
    this.#orderedAtMs.delete(hostId);
  }

  async reconcile(operationId: string): Promise<number | void> {
    const { store } = this.#options;
    const seen = await this.#look(store.read, operationId);
    if (!seen) return;
    if (this.#isNews(seen)) await store.transaction((transaction) => this.#step(transaction, operationId));
    const now = await this.#look(store.read, operationId);
    if (!now) return;
    this.#order(now);
    return now.next.kind === 'wait' ? orderAgainMs : 50;
  }

  #order({ operation, hosts, steps }: Look): void {
    const { clock, fleet } = this.#options;
    for (const [place, { hostId }] of operation.plan.entries()) {
      if (steps[place]?.state !== 'active') {
        this.#orderedAtMs.delete(hostId);
        continue;
      }
      if (clock.monotonic() - (this.#orderedAtMs.get(hostId) ?? -Infinity) < orderAgainMs) continue;
      const wanted = packageFor(hosts.get(hostId)!, operation.agents);
      if (wanted && fleet.updateAgent(hostId, { updateId: operation.id, sha256: wanted.sha256, sizeBytes: BigInt(wanted.sizeBytes) })) this.#orderedAtMs.set(hostId, clock.monotonic());
    }
  }

  async #look(read: Pick<Reader, 'operations' | 'hosts'>, operationId: string): Promise<Look | undefined> {
    const operation = (await read.operations.get(operationId)) as Update | undefined;
    if (!operation?.agents || operation.finishedAt !== undefined) return undefined;
    const hosts = await hostsOf(read, operation.plan.map(({ hostId }) => hostId));
    const steps = operation.plan.map(({ hostId }) => agentUpdateStep(hosts.get(hostId), operation));
    const count = (state: Step['state']): number => steps.filter((step) => step.state === state).length;
    const now = this.#options.clock.now();
    return {
      operation, hosts, steps,
      next: nextAgents(steps.map(({ state }) => state), operation.agents, operation.state === 'cancelling'),
      progress: { total: operation.plan.length, done: count('done'), failed: count('failed') },
      late: operation.plan.flatMap(({ hostId }, place) => (steps[place]?.state === 'active' && (steps[place].since ?? now) + hostWithinMs <= now ? [hosts.get(hostId)!] : [])),
    };
  }

  #isNews({ operation, next, progress, late }: Look): boolean {
    return next.kind !== 'wait' || late.length > 0 || progress.done !== operation.progress.done || progress.failed !== operation.progress.failed || this.#isOverdue(operation);
  }

  #isOverdue({ deadline }: Operation): boolean {
    return (deadline ?? Infinity) <= this.#options.clock.now();
  }

  async #step(transaction: Transaction, operationId: string): Promise<void> {
    const look = await this.#look(transaction, operationId);
    if (!look) return;
    const { operation, next, progress, late } = look;
    for (const host of late) await this.#giveUp(transaction, host);
    if (late.length > 0) return;
    if (next.kind === 'end' || this.#isOverdue(operation)) return this.#end(transaction, look);
    if (next.kind === 'begin') for (const place of next.places) await this.#begin(transaction, look, place);
    await transaction.operations.update({ ...operation, progress });
  }

  async #begin(transaction: Transaction, { operation, hosts }: Look, place: number): Promise<void> {
    const host = hosts.get(operation.plan[place]!.hostId)!;
    const wanted = packageFor(host, operation.agents)!;
    const agentUpdate: AgentUpdate = { operationId: operation.id, sha256: wanted.sha256, state: 'active', since: this.#options.clock.now() };
    await transaction.events.append(agentEvent({ ...(await transaction.hosts.update({ ...host, agentUpdate })), agentUpdate }));
  }

  async #giveUp(transaction: Transaction, host: Host): Promise<void> {
    const error = new WombatError('WO_AGENT_UPDATE_FAILED', `nothing was heard of its update for ${hostWithinMs / 60_000} min`);
    const agentUpdate = updateFailed(host.agentUpdate!, storedError(error), this.#options.clock.now());
    await transaction.events.append(agentEvent({ ...(await transaction.hosts.update({ ...host, agentUpdate })), agentUpdate }));
  }

  async #end(transaction: Transaction, look: Look): Promise<void> {
    const { operation, progress } = look;
    const now = this.#options.clock.now();
    if (operation.state === 'cancelling') {
      return finishCancelled(transaction, operation, { progress, rest: `${progress.done} of ${progress.total} agents are updated; to go on: wo host update --all`, now });
    }
    const error = errorOf(look);
    const state: OperationState = error === undefined ? 'succeeded' : progress.done > 0 ? 'partial' : 'failed';
    const finished = await transaction.operations.update({
      ...operation, ...(await outcomesOf(transaction, operation, now)), state, progress, finishedAt: now, observedGeneration: operation.generation, ...(error ? { error } : {}),
    });
    await transaction.events.append(operationEvent(finished, 'operation.finished', `${operation.name}: ${state} (${progress.done} of ${progress.total} done)${error ? `: ${error.message}` : ''}`));
  }
}

function errorOf({ operation, hosts, steps, progress }: Look): StoredError | undefined {
  const place = steps.findIndex(({ state }) => state === 'failed');
  const failed = place < 0 ? undefined : hosts.get(operation.plan[place]!.hostId);
  const untouched = steps.filter(({ state }) => state === 'waiting').length;
  const rest = untouched > 0 ? `; ${untouched} others were not begun` : '';
  if (failed?.agentUpdate?.error) return { ...failed.agentUpdate.error, message: `${failed.name}: ${failed.agentUpdate.error.message}${rest}` };
  if (progress.done + steps.filter(({ state }) => state === 'left').length < progress.total) return storedError(new WombatError('WO_DEADLINE_EXCEEDED', `${progress.done} of ${progress.total} agents are updated`));
  return undefined;
}
