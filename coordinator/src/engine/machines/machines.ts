import { WombatError } from '@wombat/proto';
import type { Host } from '../../domain/model/host.js';
import { Controller } from '../controller.js';
import type { Log, ProviderDirectory } from '../ports.js';
import { MachineCalls } from './machine-calls.js';
import { MachineController, type MachineControllerOptions } from './machine-controller.js';

export interface MachinesOptions extends Omit<MachineControllerOptions, 'calls'> {
  readonly providers: ProviderDirectory;
  readonly log: Log;
}

interface Lane {
  readonly calls: MachineCalls;
  readonly machines: MachineController;
  readonly queue: Controller;
}

/** A queue, workers and a pace for each provider: one that is slow, throttles or hangs holds up no other. */
export class Machines {
  readonly #options: MachinesOptions;
  readonly #lanes = new Map<string, Lane>();

  constructor(options: MachinesOptions) {
    this.#options = options;
  }

  /** The host needs its provider. */
  wake({ id, providerId }: Pick<Host, 'id' | 'providerId'>): void {
    this.#lane(providerId).queue.wake(id);
  }

  callsOf(providerId: string): MachineCalls {
    return this.#lane(providerId).calls;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#lanes.keys()].map((providerId) => this.forget(providerId)));
  }

  /** The provider is no more. */
  async forget(providerId: string): Promise<void> {
    const lane = this.#lanes.get(providerId);
    if (!lane) return;
    this.#lanes.delete(providerId);
    lane.calls.stop(new WombatError('WO_UNAVAILABLE', 'the coordinator stops'));
    await Promise.all([lane.machines.stop(), lane.queue.stop()]);
  }

  #lane(providerId: string): Lane {
    const known = this.#lanes.get(providerId);
    if (known) return known;
    const { clock, log, limits, random } = this.#options;
    const calls = new MachineCalls({ clock, limits, connect: () => this.#connect(providerId) });
    const machines = new MachineController({ ...this.#options, calls });
    const queue = new Controller({
      name: `machines of ${providerId || 'nobody'}`, clock, log, all: async () => [],
      reconcile: (hostId, signal) => machines.reconcile(hostId, signal),
      // Hosts that wait for a worker or a list cost nothing; the workers bound what is asked at once.
      concurrency: Math.max(16, 4 * limits.callsAtOnce * limits.hostsPerCall),
      ...(random ? { random } : {}),
    });
    const lane = { calls, machines, queue };
    this.#lanes.set(providerId, lane);
    return lane;
  }

  async #connect(providerId: string): ReturnType<ProviderDirectory['get']> {
    const { store, providers } = this.#options;
    const provider = await store.read.providers.get(providerId);
    if (!provider) throw new WombatError('WO_NOT_FOUND', `the provider ${providerId} is not registered any more`);
    return providers.get(provider);
  }
}
