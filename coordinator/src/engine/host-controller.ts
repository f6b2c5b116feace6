import { WombatError, type Clock } from '@wombat/proto';
import type { Host } from '../domain/model/host.js';
import { presentHostPhases } from '../domain/states/host-states.js';
import { presentPhases } from '../domain/states/node-states.js';
import type { Store } from '../store/store.js';
import { awaitedAgent } from './awaited-agent.js';
import { hostPhaseEvent } from './events.js';
import type { HostSilence } from './host-silence.js';
import { needsProvider } from './machines/machine-controller.js';
import { failHost } from './move-host.js';

export interface HostControllerOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Told of each host that needs its provider. */
  readonly machines: { wake(host: Host): void };
  readonly silence: HostSilence;
  /** From the machine's creation to its agent's first session. */
  readonly enrolTimeoutMs: number;
  /** A host without nodes is destroyed after this. 0: never. */
  readonly idleTtlMs: number;
}

/** Judges hosts: whose agent has never come, who is silent, who is idle. What needs a provider goes to the machines. */
export class HostController {
  readonly #options: HostControllerOptions;

  constructor(options: HostControllerOptions) {
    this.#options = options;
  }

  async all(): Promise<readonly string[]> {
    return this.#options.store.read.hosts.ids({ phase: presentHostPhases });
  }

  async reconcile(hostId: string): Promise<number | void> {
    const host = await this.#options.store.read.hosts.get(hostId);
    if (!host || host.phase === 'gone') return this.#options.silence.spoke(hostId);
    if (needsProvider(host)) this.#options.machines.wake(host);
    if (host.desired === 'absent') return;
    if (host.phase === 'booting') return this.#awaitEnrolment(host);
    if (host.phase === 'up' || host.phase === 'draining') return (await this.#options.silence.judge(host)) ?? this.#judgeIdle(host);
    // There is, or may be, a machine, and it costs money.
    if (host.phase === 'failed' || host.isDraining) return this.#judgeIdle(host);
  }

  async #awaitEnrolment(host: Host): Promise<number | void> {
    const { store, clock, enrolTimeoutMs } = this.#options;
    const { untilMs, reason } = await awaitedAgent(store.read, host, enrolTimeoutMs);
    const leftMs = untilMs - clock.now();
    if (leftMs <= 0) {
      const error = new WombatError('WO_HOST_NOT_ENROLLED', `the agent of ${host.name} has not reported in ${clock.now() - host.phaseSince} ms`);
      return store.transaction(async (transaction) => {
        if ((await transaction.hosts.get(host.id))?.phase === 'booting') await failHost(transaction, clock, host.id, error);
      });
    }
    if (host.waiting?.reason !== reason) await this.#say(host, reason);
    return leftMs;
  }

  async #say({ id }: Host, reason: string): Promise<void> {
    await this.#options.store.transaction(async (transaction) => {
      const host = await transaction.hosts.get(id);
      if (host?.phase === 'booting') await transaction.hosts.update({ ...host, waiting: { reason, since: host.phaseSince } });
    });
  }

  /** Hosts that somebody set up by hand have no provider that could destroy them; one with nodes that nobody knows of is not idle. */
  async #judgeIdle(host: Host): Promise<number | void> {
    const { store, clock, idleTtlMs } = this.#options;
    if (idleTtlMs === 0 || host.providerId === '' || host.unknownNodeIds?.length || (await store.read.nodes.count({ hostId: host.id, phase: presentPhases })) > 0) return;
    const gone = await store.read.nodes.find({ hostId: host.id, phase: 'gone' });
    const idleSince = Math.max(host.phaseSince, ...gone.map((node) => node.phaseSince));
    const leftMs = idleSince + idleTtlMs - clock.now();
    if (leftMs > 0) return leftMs;
    await store.transaction(async (transaction) => {
      const current = await transaction.hosts.get(host.id);
      if (!current || current.phase !== host.phase || (await transaction.nodes.count({ hostId: host.id, phase: presentPhases })) > 0) return;
      const leaving = await transaction.hosts.update({ ...current, desired: 'absent', generation: current.generation + 1 });
      await transaction.events.append(hostPhaseEvent(leaving, `${leaving.name} has had no nodes for ${Math.round(idleTtlMs / 60_000)} min and is removed`));
    });
  }
}
