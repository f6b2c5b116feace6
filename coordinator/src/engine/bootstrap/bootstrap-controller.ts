import { backoffMs, WombatError, type Clock } from '@wombat/proto';
import { failpoint } from '@wombat/proto/failpoints';
import { JoinOrder } from '@wombat/plugin-sdk';
import type { ClusterState, Family } from '../../domain/model/family.js';
import type { Node, NodePhase } from '../../domain/model/node.js';
import { findSelector, mostContacts } from '../../domain/selection/selectors.js';
import { inPhase, livePhases } from '../../domain/states/node-states.js';
import type { Store, Transaction } from '../../store/store.js';
import type { BoundedHistory } from '../bounded-history.js';
import { familyEvent, nodeEvent, nodePhaseEvent, storedError } from '../events.js';
import { isUnavailable, type StrategyCalls, type StrategyDirectory } from '../ports.js';
import type { StepRunner } from '../step-runner.js';
import { connectedParts } from './connected-parts.js';
import { joinsCluster } from './joins-cluster.js';
import { memberOf } from './member.js';

export interface BootstrapControllerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly strategies: StrategyDirectory;
  readonly steps: StepRunner;
  readonly history: BoundedHistory;
}

const retry = { initialMs: 500, maximumMs: 15_000 };
const maximumAttempts = 5;
/** A mesh needs a moment until every node sees every other. */
const checkPatienceMs = 10_000;

/** `stopping` too: a node that is restarted goes through it. */
const phasesOnTheWay: readonly NodePhase[] = ['pending', 'fetching', 'configuring', 'starting', 'ready', 'joining', 'stopping'];

/**
 * Makes the nodes of a family one cluster. One look at a family at a time, so no two nodes race: the
 * first that is ready is the seed, each other is given contacts among the members and joins; then
 * every node is asked whom it sees.
 */
export class BootstrapController {
  readonly #options: BootstrapControllerOptions;
  /** Family id -> the members that were found to be one cluster, or not, at the last check. */
  readonly #checked = new Map<string, string>();

  constructor(options: BootstrapControllerOptions) {
    this.#options = options;
  }

  async all(): Promise<readonly string[]> {
    return this.#options.store.read.families.ids({});
  }

  async reconcile(familyId: string, signal: AbortSignal): Promise<number | void> {
    const family = await this.#options.store.read.families.get(familyId);
    if (!family) return;
    const strategy = this.#options.strategies.strategy(family.spec.bootstrap.strategy);
    if (!joinsCluster(this.#options.strategies, family)) return;
    const nextTryMs = await this.#joinAll(family, strategy, signal);
    await this.#check(family.id, strategy, signal);
    return nextTryMs;
  }

  async #joinAll(family: Family, strategy: StrategyCalls, signal: AbortSignal): Promise<number | undefined> {
    let nextTryMs: number | undefined;
    for (;;) {
      const { members, candidates } = await this.#nodesOf(family.id);
      const due = candidates.filter((node) => this.#dueInMs(node) <= 0);
      const waits = candidates.filter((node) => !due.includes(node)).map((node) => this.#dueInMs(node));
      nextTryMs = waits.length > 0 ? Math.min(...waits) : undefined;
      const first = due[0];
      if (!first) return nextTryMs;
      const alone = members.length === 0 || strategy.joinOrder === JoinOrder.SERIAL;
      const batch = alone ? [first] : due;
      const joins = await Promise.allSettled(batch.map((node) => this.#join(family, strategy, node, members, signal)));
      // Only now: nothing of it may go on behind the back of whoever stops.
      for (const join of joins) if (join.status === 'rejected') throw join.reason;
    }
  }

  /** Members have joined with the process that they run now; candidates have not, oldest first. */
  async #nodesOf(familyId: string): Promise<{ members: Node[]; candidates: Node[] }> {
    const nodes = await this.#options.store.read.nodes.find({ familyId, phase: livePhases });
    const joined = (node: Node): boolean => node.membership?.joined === true && node.membership.startId === node.startId;
    const byOrdinal = nodes.filter((node) => node.desired === 'running').sort((a, b) => a.ordinal - b.ordinal);
    return { members: byOrdinal.filter(joined), candidates: byOrdinal.filter((node) => !joined(node)) };
  }

  #dueInMs(node: Node): number {
    const membership = node.membership?.startId === node.startId ? node.membership : undefined;
    return (membership?.nextTryAt ?? 0) - this.#options.clock.now();
  }

  async #join(family: Family, strategy: StrategyCalls, node: Node, members: readonly Node[], signal: AbortSignal): Promise<void> {
    const contacts = contactsOf(family, node, members);
    const attempts = (node.membership?.startId === node.startId ? node.membership.attempts : 0) + 1;
    const membership = { startId: node.startId, contactIds: contacts.map((contact) => contact.id), joined: false, attempts };
    await failpoint('coordinator.join.before-intent');
    const joining = await this.#write(node, (current) => inPhase(current, 'joining', this.#options.clock.now(), { membership }));
    if (!joining) return;
    try {
      await failpoint('coordinator.join.after-intent');
      const { options } = family.spec.bootstrap;
      const steps = await strategy.planJoin({ options, familyName: family.name, self: memberOf(node), contacts: contacts.map(memberOf) }, { signal });
      if (!(await this.#stillRuns(node))) return;
      await this.#options.steps.run(node, steps, signal);
      await failpoint('coordinator.join.after-steps');
      await this.#write(node, (current) => inPhase(current, 'running', this.#options.clock.now(), { membership: { ...membership, joined: true, joinedAt: this.#options.clock.now() } }));
    } catch (error) {
      signal.throwIfAborted();
      const failure = WombatError.from(error);
      // Nothing was tried on the node: a silent host costs none of its attempts.
      const counted = failure.code === 'WO_HOST_UNREACHABLE' ? { ...membership, attempts: attempts - 1 } : membership;
      await this.#joinFailed(node, counted, failure);
    }
  }

  async #joinFailed(node: Node, membership: NonNullable<Node['membership']>, error: WombatError): Promise<void> {
    const now = this.#options.clock.now();
    if (membership.attempts >= maximumAttempts) {
      await this.#write(node, (current) => inPhase(current, 'failed', now, { membership, lastError: storedError(error) }));
      return;
    }
    const nextTryAt = now + backoffMs(Math.max(0, membership.attempts - 1), retry);
    await this.#write(
      node,
      (current) => inPhase(current, 'joining', now, { membership: { ...membership, nextTryAt }, waiting: { reason: error.message, since: now, nextTryAt } }),
      (changed) => nodeEvent(changed, 'node.join', error.code, `${changed.name} has not joined yet: ${error.message}`),
    );
  }

  /** The process that is meant to join; planning may have taken a while. */
  async #stillRuns({ id, startId }: Node): Promise<boolean> {
    const current = await this.#options.store.read.nodes.get(id);
    return current !== undefined && current.startId === startId && livePhases.includes(current.phase);
  }

  /** Writes only while the node still runs the process that was meant. */
  async #write(node: Node, change: (current: Node) => Node, event?: (changed: Node) => ReturnType<typeof nodeEvent>): Promise<boolean> {
    const { store, history } = this.#options;
    return store.transaction(async (transaction) => {
      const current = await transaction.nodes.get(node.id);
      if (!current || current.startId !== node.startId || !livePhases.includes(current.phase)) return false;
      const changed = await transaction.nodes.update(change(current));
      if (event) await history.append(transaction, event(changed));
      else if (changed.phase !== current.phase) await history.append(transaction, nodePhaseEvent(changed));
      return true;
    });
  }

  /** Asks every member whom it sees, once for each set of members. */
  async #check(familyId: string, strategy: StrategyCalls, signal: AbortSignal): Promise<void> {
    const { members, candidates } = await this.#nodesOf(familyId);
    if (candidates.length > 0 || members.length === 0 || (await this.#moreToCome(familyId))) return;
    const key = keyOf(members);
    const family = await this.#options.store.read.families.get(familyId);
    // `forming` was written by an operation: it waits for a look, also when nothing has changed.
    if (!family || (this.#checked.get(familyId) === key && family.cluster.health !== 'forming')) return;
    const state = await this.#look(familyId, strategy, members, signal).catch(async (error: unknown) => {
      if (isUnavailable(error)) await this.#notSeen(familyId, error.message);
      throw error;
    });
    if (keyOf((await this.#nodesOf(familyId)).members) !== key || (await this.#moreToCome(familyId))) return;
    await this.#options.store.transaction((transaction) => this.#remember(transaction, familyId, state));
    this.#checked.set(familyId, key);
  }

  /** While an operation brings more nodes, what is seen is not yet what it asked for. */
  async #moreToCome(familyId: string): Promise<boolean> {
    const { read } = this.#options.store;
    if ((await read.nodes.count({ familyId, phase: phasesOnTheWay })) === 0) return false;
    return (await read.operations.count({ familyId, state: ['running', 'cancelling'] })) > 0;
  }

  /** An operation that waits for the look shows why. */
  async #notSeen(familyId: string, unseen: string): Promise<void> {
    await this.#options.store.transaction(async (transaction) => {
      const family = await transaction.families.get(familyId);
      if (family?.cluster.health === 'forming' && family.cluster.unseen !== unseen) await transaction.families.update({ ...family, cluster: { ...family.cluster, unseen } });
    });
  }

  async #look(familyId: string, strategy: StrategyCalls, members: readonly Node[], signal: AbortSignal): Promise<ClusterState> {
    const family = await this.#options.store.read.families.get(familyId);
    const options = family?.spec.bootstrap.options ?? {};
    if ((await strategy.planCheck({ options, self: memberOf(members[0]!) }, { signal })).length === 0) return { health: 'not_clustered', parts: [] };
    const until = this.#options.clock.monotonic() + checkPatienceMs;
    for (let attempt = 0; ; attempt += 1) {
      const parts = connectedParts(await this.#views(strategy, options, members, signal));
      if (parts.length === 1) return { health: 'one', parts: [] };
      if (this.#options.clock.monotonic() > until) return { health: 'split', parts };
      await this.#options.clock.sleep(backoffMs(attempt, { initialMs: 50, maximumMs: 1_000 }), signal);
    }
  }

  async #views(
    strategy: StrategyCalls,
    options: Readonly<Record<string, string>>,
    members: readonly Node[],
    signal: AbortSignal,
  ): Promise<Map<string, readonly string[]>> {
    const views = await Promise.allSettled(members.map(async (node): Promise<[string, readonly string[]]> => [node.erlangName || node.name, await this.#view(strategy, options, node, signal)]));
    // Only now: nothing of it may go on behind the back of whoever stops.
    return new Map(views.map((view) => {
      if (view.status === 'rejected') throw view.reason;
      return view.value;
    }));
  }

  /** Whom a node sees. @throws WombatError when the strategy cannot say how to ask: that tells nothing of the cluster */
  async #view(strategy: StrategyCalls, options: Readonly<Record<string, string>>, node: Node, signal: AbortSignal): Promise<readonly string[]> {
    const self = memberOf(node);
    const steps = await strategy.planCheck({ options, self }, { signal });
    try {
      return await strategy.readMembers({ options, self, output: await this.#options.steps.run(node, steps, signal) }, { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (isUnavailable(error)) throw error;
      // A node that does not answer is seen by others, or it is a part of its own.
      return [];
    }
  }

  async #remember(transaction: Transaction, familyId: string, cluster: ClusterState): Promise<void> {
    const family = await transaction.families.get(familyId);
    if (!family) return;
    const changed = await transaction.families.update({ ...family, cluster });
    if (cluster.health === family.cluster.health) return;
    if (cluster.health === 'one') {
      await transaction.events.append(familyEvent(changed, 'cluster.one', 'one', `the nodes of ${family.name} are one cluster`));
    } else if (cluster.health === 'split') {
      const text = cluster.parts.map((part) => part.join(' + ')).join(' | ');
      await transaction.events.append(
        familyEvent(changed, 'cluster.split', 'WO_CLUSTER_SPLIT', `the nodes of ${family.name} are not one cluster: ${text}`, { parts: cluster.parts }),
      );
    }
  }
}

/** The members, each with the process that it runs. */
function keyOf(members: readonly Node[]): string {
  return members.map((node) => `${node.id}/${node.startId}`).join();
}

/** Chosen by the family's selector among the members; none: the node is the seed. */
function contactsOf(family: Family, node: Node, members: readonly Node[]): Node[] {
  const select = findSelector(family.spec.selector);
  const candidates = members.map((member) => ({ nodeId: member.id, memberSince: member.membership?.joinedAt ?? 0, member }));
  return select ? select(node.id, candidates).map(({ member }) => member) : members.slice(0, mostContacts);
}
