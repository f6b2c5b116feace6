import { backoffMs, WombatError, type Clock } from '@wombat/proto';
import type { ClusterHealth, ClusterState } from '../../domain/model/family.js';
import type { Node, NodePhase } from '../../domain/model/node.js';
import type { Store, Transaction } from '../../store/store.js';
import { familyEvent } from '../events.js';
import { isUnavailable, type StrategyCalls } from '../ports.js';
import type { StepRunner } from '../step-runner.js';
import { clusterNodes } from './cluster-nodes.js';
import { connectedParts } from './connected-parts.js';
import { memberOf } from './member.js';

export interface ClusterCheckOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly steps: StepRunner;
}

/** A mesh needs a moment until every node sees every other. */
const patienceMs = 10_000;

/** Asked again after this, though no member has changed: a network may have parted them, or brought them together. */
const againAfterMs: Readonly<Partial<Record<ClusterHealth, number>>> = { one: 300_000, split: 30_000 };
/** To ask takes the hosts some work: a family of thousands is asked less often. */
const eachMemberMs = 100;

/** `stopping` too: a node that is restarted goes through it. */
const phasesOnTheWay: readonly NodePhase[] = ['pending', 'fetching', 'configuring', 'starting', 'ready', 'joining', 'stopping'];

interface Checked {
  /** Who they were, each with its process. */
  readonly key: string;
  /** Of the monotonic clock; undefined: not before they change. */
  readonly againAt: number | undefined;
}

/** Asks the members of a family whom they see, and remembers whether they are one cluster. */
export class ClusterCheck {
  readonly #options: ClusterCheckOptions;
  /** Family id -> the last check. */
  readonly #checked = new Map<string, Checked>();

  constructor(options: ClusterCheckOptions) {
    this.#options = options;
  }

  /**
   * Asks when members have changed since the last time, when an operation waits for it, and now and then.
   * @returns milliseconds until it has to be asked again; undefined: not before something changes
   */
  async look(familyId: string, strategy: StrategyCalls, signal: AbortSignal): Promise<number | undefined> {
    const { members, candidates } = await clusterNodes(this.#options.store, familyId);
    if (candidates.length > 0 || members.length === 0 || (await this.#moreToCome(familyId))) return undefined;
    const key = keyOf(members);
    const family = await this.#options.store.read.families.get(familyId);
    if (!family) return undefined;
    const last = this.#checked.get(familyId);
    // `forming` was written by an operation: it waits for a look, also when nothing has changed.
    if (last?.key === key && family.cluster.health !== 'forming') {
      const leftMs = this.#leftMs(last);
      if (leftMs === undefined || leftMs > 0) return leftMs;
    }
    const state = await this.#ask(familyId, strategy, members, signal).catch(async (error: unknown) => {
      if (saysNothing(error)) await this.#notSeen(familyId, error.message);
      throw error;
    });
    if (keyOf((await clusterNodes(this.#options.store, familyId)).members) !== key || (await this.#moreToCome(familyId))) return undefined;
    await this.#options.store.transaction((transaction) => remember(transaction, familyId, state));
    const checked = { key, againAt: this.#againAt(members, state) };
    this.#checked.set(familyId, checked);
    return this.#leftMs(checked);
  }

  #leftMs({ againAt }: Checked): number | undefined {
    return againAt === undefined ? undefined : againAt - this.#options.clock.monotonic();
  }

  /** A single node cannot be parted from itself. */
  #againAt(members: readonly Node[], { health }: ClusterState): number | undefined {
    const afterMs = members.length > 1 ? againAfterMs[health] : undefined;
    return afterMs === undefined ? undefined : this.#options.clock.monotonic() + Math.max(afterMs, members.length * eachMemberMs);
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

  async #ask(familyId: string, strategy: StrategyCalls, members: readonly Node[], signal: AbortSignal): Promise<ClusterState> {
    const family = await this.#options.store.read.families.get(familyId);
    const options = family?.spec.bootstrap.options ?? {};
    if ((await strategy.planCheck({ options, self: memberOf(members[0]!) }, { signal })).length === 0) return { health: 'not_clustered', parts: [] };
    const until = this.#options.clock.monotonic() + patienceMs;
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

  /** Whom a node sees. @throws WombatError when it could not be asked: that tells nothing of the cluster */
  async #view(strategy: StrategyCalls, options: Readonly<Record<string, string>>, node: Node, signal: AbortSignal): Promise<readonly string[]> {
    const self = memberOf(node);
    const steps = await strategy.planCheck({ options, self }, { signal });
    try {
      return await strategy.readMembers({ options, self, output: await this.#options.steps.run(node, steps, signal) }, { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (saysNothing(error)) throw error;
      // A node that does not answer is seen by others, or it is a part of its own.
      return [];
    }
  }
}

/** The strategy does not run now, or the host has no session. */
function saysNothing(error: unknown): error is WombatError {
  return isUnavailable(error) || (WombatError.is(error) && error.code === 'WO_HOST_UNREACHABLE');
}

async function remember(transaction: Transaction, familyId: string, cluster: ClusterState): Promise<void> {
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

/** The members, each with the process that it runs. */
function keyOf(members: readonly Node[]): string {
  return members.map((node) => `${node.id}/${node.startId}`).join();
}
