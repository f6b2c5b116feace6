import { isDeepStrictEqual } from 'node:util';
import { command, JoinOrder, step, type Step } from '@wombat/plugin-sdk';
import { WombatError, type Clock } from '@wombat/proto';
import { failpoint } from '@wombat/proto/failpoints';
import type { Family } from '../../domain/model/family.js';
import type { DrainStage, Node } from '../../domain/model/node.js';
import { defaultDrainTimeoutMs } from '../../domain/release/fill-manifest.js';
import { afterDrain } from '../../domain/states/draining.js';
import { inPhase, livePhases } from '../../domain/states/node-states.js';
import type { Store } from '../../store/store.js';
import type { AssignmentBuilder } from '../assignment-builder.js';
import { hasJoined } from '../bootstrap/cluster-nodes.js';
import { memberOf } from '../bootstrap/member.js';
import type { BoundedHistory } from '../bounded-history.js';
import { nodePhaseEvent, storedError } from '../events.js';
import type { StrategyDirectory } from '../ports.js';
import type { StepRunner } from '../step-runner.js';

export interface DrainControllerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly strategies: StrategyDirectory;
  readonly steps: Pick<StepRunner, 'run'>;
  readonly renderings: Pick<AssignmentBuilder, 'render'>;
  readonly history: BoundedHistory;
}

/** Exit code of a drain command that means "not yet, ask again". */
const tryAgainExitCode = 75;
const tryAgainAfterMs = 1_000;

/**
 * Takes nodes out of service before they are stopped, stage by stage: `hook -> leave -> what follows`. The stage is
 * stored before it begins, so whoever resumes begins that stage again. A node that cannot be drained is left running.
 */
export class DrainController {
  readonly #options: DrainControllerOptions;
  /** Node id -> ends what is under way for it. */
  readonly #running = new Map<string, AbortController>();
  /** Family id -> the last leave that has begun. */
  readonly #leaves = new Map<string, Promise<unknown>>();

  constructor(options: DrainControllerOptions) {
    this.#options = options;
  }

  async all(): Promise<readonly string[]> {
    return this.#options.store.read.nodes.ids({ phase: 'draining' });
  }

  async reconcile(nodeId: string, signal: AbortSignal): Promise<void> {
    const node = await this.#options.store.read.nodes.get(nodeId);
    if (!node?.draining || node.phase !== 'draining') return;
    const own = new AbortController();
    this.#running.set(nodeId, own);
    try {
      await this.#drain(node, AbortSignal.any([signal, own.signal]));
    } catch (error) {
      signal.throwIfAborted();
      if (!own.signal.aborted) await this.#failed(node, error);
    } finally {
      this.#running.delete(nodeId);
    }
  }

  /** Somebody has decided otherwise, or its host is silent: what runs for it is ended. */
  changed(node: Node): void {
    if (node.phase !== 'draining') this.#running.get(node.id)?.abort(new WombatError('WO_CANCELLED', `${node.name} is not drained any more`));
  }

  async #drain(node: Node, signal: AbortSignal): Promise<void> {
    if (node.draining?.stage === 'hook') {
      await failpoint('coordinator.drain.before-hook');
      await this.#hook(node, signal);
      await failpoint('coordinator.drain.after-hook');
      if (!(await this.#enter(node, 'leave'))) return;
    }
    await this.#inTurn(node, () => this.#leave(node, signal));
    await failpoint('coordinator.drain.after-leave');
    await this.#write(node, (current) => afterDrain(current, current.draining!.then, this.#options.clock.now()));
  }

  async #hook(node: Node, signal: AbortSignal): Promise<void> {
    const { release, rendered } = await this.#options.renderings.render(node, { signal });
    if (rendered.drain.length === 0) return;
    const deadlineMs = release.manifest.drainTimeoutMs ?? defaultDrainTimeoutMs;
    await this.#options.steps.run(node, [step('drain', command(rendered.drain), { deadlineMs, retryExitCodes: [tryAgainExitCode], intervalMs: tryAgainAfterMs })], signal);
  }

  /** Where nodes join one after another they leave so too. */
  async #inTurn(node: Node, leave: () => Promise<void>): Promise<void> {
    const family = await this.#options.store.read.families.get(node.familyId);
    if (!family || this.#options.strategies.strategy(family.spec.bootstrap.strategy).joinOrder !== JoinOrder.SERIAL) return leave();
    const before = this.#leaves.get(family.id) ?? Promise.resolve();
    const own = before.catch(() => undefined).then(leave);
    this.#leaves.set(family.id, own);
    try {
      await own;
    } finally {
      if (this.#leaves.get(family.id) === own) this.#leaves.delete(family.id);
    }
  }

  async #leave(node: Node, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { store, steps } = this.#options;
    const family = await store.read.families.get(node.familyId);
    // What has never joined with this process has nothing to leave.
    if (!family || !hasJoined(node)) return;
    const { runner, plan } = await this.#planLeave(node, family, signal);
    if (plan.length > 0) await steps.run(runner, plan, signal);
  }

  /** For the survivors that there are when it is answered: whoever runs it must not have gone meanwhile. */
  async #planLeave(node: Node, family: Family, signal: AbortSignal): Promise<{ readonly runner: Node; readonly plan: readonly Step[] }> {
    const { strategy, options } = family.spec.bootstrap;
    for (let survivors = await this.#survivorsOf(node); ;) {
      const { runOnNodeId, steps } = await this.#options.strategies.strategy(strategy).planLeave({ options, leaving: memberOf(node), survivors: survivors.map(memberOf) }, { signal });
      signal.throwIfAborted();
      const now = await this.#survivorsOf(node);
      if (isDeepStrictEqual(now.map(keyOf), survivors.map(keyOf))) return { runner: survivors.find(({ id }) => id === runOnNodeId) ?? node, plan: steps };
      survivors = now;
    }
  }

  async #survivorsOf({ id, familyId }: Node): Promise<readonly Node[]> {
    const live = await this.#options.store.read.nodes.find({ familyId, phase: livePhases });
    return live.filter((other) => other.id !== id && hasJoined(other));
  }

  /** What comes is stored before it is done. */
  #enter(node: Node, stage: DrainStage): Promise<boolean> {
    return this.#write(node, (current) => ({ ...current, draining: { ...current.draining!, stage } }));
  }

  async #failed(node: Node, error: unknown): Promise<void> {
    const { message } = WombatError.from(error);
    const failure = new WombatError('WO_NODE_DRAIN_FAILED', `${node.name} was not drained, and runs on: ${message}`);
    await this.#write(node, (current) => inPhase(current, 'failed', this.#options.clock.now(), { lastError: storedError(failure) }));
  }

  /** Writes only while the same drain goes on. */
  async #write(node: Node, change: (current: Node) => Node): Promise<boolean> {
    const { store, history } = this.#options;
    return store.transaction(async (transaction) => {
      const current = await transaction.nodes.get(node.id);
      if (current?.phase !== 'draining' || current.draining?.since !== node.draining?.since || current.operationId !== node.operationId) return false;
      const changed = await transaction.nodes.update(change(current));
      if (changed.phase !== current.phase) await history.append(transaction, nodePhaseEvent(changed));
      return true;
    });
  }
}

/** A node with the process that it runs. */
function keyOf({ id, startId }: Node): readonly string[] {
  return [id, startId];
}
