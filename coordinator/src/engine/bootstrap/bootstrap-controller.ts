import { backoffMs, WombatError, type Clock } from '@wombat/proto';
import { failpoint } from '@wombat/proto/failpoints';
import { JoinOrder } from '@wombat/plugin-sdk';
import type { Family } from '../../domain/model/family.js';
import type { Node } from '../../domain/model/node.js';
import { findSelector, mostContacts } from '../../domain/selection/selectors.js';
import { inPhase, livePhases } from '../../domain/states/node-states.js';
import type { Store } from '../../store/store.js';
import type { BoundedHistory } from '../bounded-history.js';
import { nodeEvent, nodePhaseEvent, storedError } from '../events.js';
import type { StrategyCalls, StrategyDirectory } from '../ports.js';
import type { StepRunner } from '../step-runner.js';
import { ClusterCheck } from './cluster-check.js';
import { clusterNodes } from './cluster-nodes.js';
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

/**
 * Makes the nodes of a family one cluster. One look at a family at a time, so no two nodes race: the
 * first that is ready is the seed, each other is given contacts among the members and joins; then
 * every node is asked whom it sees. While members are there that cannot be seen, nobody is a seed:
 * it would begin a second cluster.
 */
export class BootstrapController {
  readonly #options: BootstrapControllerOptions;
  readonly #check: ClusterCheck;

  constructor(options: BootstrapControllerOptions) {
    this.#options = options;
    this.#check = new ClusterCheck(options);
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
    const nextCheckMs = await this.#check.look(family.id, strategy, signal);
    return nextTryMs ?? nextCheckMs;
  }

  async #joinAll(family: Family, strategy: StrategyCalls, signal: AbortSignal): Promise<number | undefined> {
    let nextTryMs: number | undefined;
    for (;;) {
      const { members, candidates, unseen } = await clusterNodes(this.#options.store, family.id);
      if (members.length === 0 && unseen.length > 0) return this.#awaitMembers(candidates, unseen);
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

  /** Nobody may begin a cluster of its own now. The members' return, or the decision that they go, wakes the family. */
  async #awaitMembers(candidates: readonly Node[], unseen: readonly Node[]): Promise<undefined> {
    const reason = `${nameSome(unseen)} cannot be reached now, and without a contact it would begin a second cluster`;
    for (const node of candidates.filter(({ waiting }) => waiting?.reason !== reason)) {
      await this.#write(
        node,
        (current) => ({ ...current, waiting: { reason, since: this.#options.clock.now() } }),
        (changed) => nodeEvent(changed, 'node.join', 'WO_HOST_UNREACHABLE', `${changed.name} has not joined yet: ${reason}; members that never come back: wo node remove`),
      );
    }
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
}

/** Chosen by the family's selector among the members; none: the node is the seed. */
function contactsOf(family: Family, node: Node, members: readonly Node[]): Node[] {
  const select = findSelector(family.spec.selector);
  const candidates = members.map((member) => ({ nodeId: member.id, memberSince: member.membership?.joinedAt ?? 0, member }));
  return select ? select(node.id, candidates).map(({ member }) => member) : members.slice(0, mostContacts);
}

/** "the member web-1", "the members web-1, web-2, web-3 and 4 more" */
function nameSome(members: readonly Node[]): string {
  const named = members.slice(0, 3).map(({ name }) => name).join(', ');
  const more = members.length > 3 ? ` and ${members.length - 3} more` : '';
  return `the member${members.length === 1 ? '' : 's'} ${named}${more}`;
}
