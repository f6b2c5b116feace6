import { backoffMs, groupBy, WombatError, type Clock } from '@wombat/proto';
import { failpoint } from '@wombat/proto/failpoints';
import type { Machine } from '@wombat/proto/plugin';
import type { Host } from '../../domain/model/host.js';
import { inPhase, presentPhases } from '../../domain/states/node-states.js';
import type { Fleet } from '../../fleet/fleet.js';
import type { Store, Transaction } from '../../store/store.js';
import { nodePhaseEvent, storedError } from '../events.js';
import { moveHost } from '../move-host.js';
import type { HostRevoker } from '../ports.js';
import { Batches } from './batches.js';
import { Creations } from './creations.js';
import { retryAfterMsOf, type MachineCalls, type ProviderLimits } from './machine-calls.js';
import { lookEveryMs, mayAppearForMs } from './unanswered.js';

export interface MachineControllerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly fleet: Pick<Fleet, 'disconnect'>;
  readonly revoker: HostRevoker;
  readonly clusterId: string;
  readonly calls: MachineCalls;
  readonly limits: ProviderLimits;
  /** How long a machine may exist before its provider lists it. A creation that was not answered is not repeated before. */
  readonly appearsWithinMs: number;
  /** Resolves when the provider has the firewall of the family, which comes before its machines. @default nothing is enforced */
  readonly firewallReady?: (providerId: string, familyId: string, signal: AbortSignal) => Promise<void>;
  /** @default Math.random */
  readonly random?: () => number;
}

const slowly = { initialMs: 1_000, maximumMs: 60_000 };

/** Whether the provider has to be asked for something. */
export function needsProvider(host: Host): boolean {
  if (host.phase === 'gone') return false;
  if (host.desired === 'absent' || host.phase === 'requested' || host.phase === 'creating') return true;
  // Its agent was quicker than the provider's answer, and that was lost.
  return host.machineId === '' && host.phase !== 'failed';
}

/** Brings the machines of one provider into being and takes them away, as the rows of its hosts say. */
export class MachineController {
  readonly #options: MachineControllerOptions;
  readonly #startedAt: number;
  readonly #rows: Creations;
  readonly #creations: Batches<string, number | void>;
  readonly #destructions: Batches<string, WombatError | undefined>;

  constructor(options: MachineControllerOptions) {
    const { calls, limits } = options;
    const common = { atOnce: limits.callsAtOnce, largest: limits.hostsPerCall, enter: (signal: AbortSignal) => calls.pace.enter(signal) };
    this.#options = options;
    this.#startedAt = options.clock.now();
    this.#rows = new Creations(options);
    this.#creations = new Batches({ ...common, run: (hostIds, signal) => this.#createAll(hostIds, signal) });
    this.#destructions = new Batches({ ...common, run: (machineIds, signal) => calls.destroy(machineIds, signal) });
  }

  async reconcile(hostId: string, signal: AbortSignal): Promise<number | void> {
    const host = await this.#options.store.read.hosts.get(hostId);
    if (!host || !needsProvider(host)) return;
    if (host.desired === 'absent') return this.#destroy(host, signal);
    if (host.phase === 'requested') return this.#create(host, signal);
    return this.#learn(host, signal);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#creations.stop(), this.#destructions.stop()]);
  }

  /** Who was asked for before may be there already; a coordinator before this one, or that a backup was taken from, may have asked. */
  async #create(host: Host, signal: AbortSignal): Promise<number | void> {
    const waitMs = (host.waiting?.nextTryAt ?? 0) - this.#options.clock.now();
    if (waitMs > 0) return waitMs;
    if (host.attempts === 0 && host.createdAt >= this.#startedAt) return this.#creations.add(host.id);
    try {
      const machine = await this.#find(host, signal);
      if (machine) return await this.#rows.found(host.id, machine);
    } catch (error) {
      signal.throwIfAborted();
      return this.#rows.refused(host.id, WombatError.from(error), 0);
    }
    return this.#creations.add(host.id);
  }

  /** The intents are in the store before the provider is asked. */
  async #createAll(hostIds: readonly string[], signal: AbortSignal): Promise<readonly (number | void)[]> {
    await failpoint('coordinator.host.before-intent');
    const hosts = await this.#rows.ask(hostIds);
    if (hosts.length === 0) return hostIds.map(() => undefined);
    await failpoint('coordinator.host.after-intent');
    const answers = await this.#ask(hosts, signal);
    await failpoint('coordinator.host.after-create');
    const again = await this.#rows.answered(answers, await this.#appearsWithinMs());
    await failpoint('coordinator.host.after-created');
    return hostIds.map((id) => again.get(id));
  }

  async #ask(hosts: readonly Host[], signal: AbortSignal): Promise<ReadonlyMap<Host, Machine | WombatError>> {
    const answers = await this.#withoutFirewall(hosts, signal);
    const asked = hosts.filter((host) => !answers.has(host));
    if (asked.length === 0) return answers;
    const machines = await this.#options.calls.create(asked.map((host) => this.#rows.specOf(host)), signal).catch((error: unknown) => {
      signal.throwIfAborted();
      // It could not even be asked.
      return asked.map(() => WombatError.from(error));
    });
    asked.forEach((host, index) => answers.set(host, machines[index]!));
    return answers;
  }

  /** Those that are not asked for now, and why: their family's firewall could not be set. */
  async #withoutFirewall(hosts: readonly Host[], signal: AbortSignal): Promise<Map<Host, Machine | WombatError>> {
    const refused = new Map<Host, Machine | WombatError>();
    for (const [familyId, ofFamily] of groupBy(hosts, ({ firewallFamilyId }) => firewallFamilyId ?? '')) {
      if (familyId === '') continue;
      try {
        await this.#options.firewallReady?.(ofFamily[0]!.providerId, familyId, signal);
      } catch (error) {
        signal.throwIfAborted();
        for (const host of ofFamily) refused.set(host, WombatError.from(error));
      }
    }
    return refused;
  }

  /** A host whose machine nobody has told of: the coordinator died before the answer, or there was none. */
  async #learn(host: Host, signal: AbortSignal): Promise<number | void> {
    let machine: Machine | undefined;
    try {
      machine = await this.#find(host, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (host.phase !== 'creating') throw error;
      return this.#rows.notFound(host.id, await this.#appearsWithinMs(), WombatError.from(error));
    }
    if (machine) return this.#rows.found(host.id, machine);
    // One that is up has a machine, and the list will show it.
    if (host.phase !== 'creating') return Math.min(slowly.maximumMs, Math.max(lookEveryMs, this.#options.clock.now() - host.phaseSince));
    return this.#rows.notFound(host.id, await this.#appearsWithinMs());
  }

  async #destroy(seen: Host, signal: AbortSignal): Promise<number | void> {
    const { store, clock, fleet, revoker } = this.#options;
    const waitMs = seen.phase === 'destroying' ? (seen.waiting?.nextTryAt ?? 0) - clock.now() : 0;
    if (waitMs > 0) return waitMs;
    const host = await this.#destroying(seen);
    if (!host) return;
    await revoker.revoke(host.id, 'the host is removed');
    fleet.disconnect(host.id, 'the host is removed');
    let wereThere: boolean;
    try {
      await failpoint('coordinator.host.before-destroy');
      wereThere = await this.#destroyMachines(host, signal);
      await failpoint('coordinator.host.after-destroy');
    } catch (error) {
      signal.throwIfAborted();
      return this.#destroyLater(host.id, WombatError.from(error));
    }
    const mayAppearMs = wereThere ? 0 : mayAppearForMs(clock, host, await this.#appearsWithinMs());
    if (mayAppearMs > 0) return this.#awaitAppearance(host, mayAppearMs);
    await store.transaction(async (transaction) => {
      await moveHost(transaction, clock, host.id, 'gone');
      await this.#nodesGone(transaction, host.id);
    });
  }

  /** From here on nobody calls it back; undefined when somebody has until now. */
  async #destroying(seen: Host): Promise<Host | undefined> {
    if (seen.phase === 'destroying') return seen;
    const { store, clock } = this.#options;
    return store.transaction(async (transaction) => {
      const host = await transaction.hosts.get(seen.id);
      if (host?.desired !== 'absent') return undefined;
      // Whoever is in the midst of its creation has not been answered, and never will be.
      const unanswered = host.phase === 'creating' ? { unansweredSince: host.unansweredSince ?? clock.now() } : {};
      return moveHost(transaction, clock, host.id, 'destroying', unanswered);
    });
  }

  /** Answers whether there were any. */
  async #destroyMachines(host: Host, signal: AbortSignal): Promise<boolean> {
    // Set up by hand: no provider could take it away.
    if (host.providerId === '') return true;
    // One that was asked for more than once, or whose answer was lost, is looked for by its key.
    const isKnown = host.machineId !== '' && host.attempts <= 1;
    const machineIds = isKnown ? [host.machineId] : [...new Set([...(await this.#listed(host, signal)).map(({ machineId }) => machineId), ...(host.machineId ? [host.machineId] : [])])];
    const errors = await Promise.all(machineIds.map((machineId) => this.#destructions.add(machineId)));
    const error = errors.find((each) => each !== undefined);
    if (error) throw error;
    return machineIds.length > 0;
  }

  /** It is tried for ever, ever more slowly: a machine that nobody knows of any more costs money. */
  async #destroyLater(hostId: string, error: WombatError): Promise<number> {
    const { store, clock, random } = this.#options;
    const now = clock.now();
    return store.transaction(async (transaction) => {
      const since = (await transaction.hosts.get(hostId))?.phaseSince ?? now;
      const delayMs = retryAfterMsOf(error) ?? backoffMs(Math.floor(Math.log2(1 + (now - since) / slowly.initialMs)), slowly, random);
      await moveHost(transaction, clock, hostId, 'destroying', { lastError: storedError(error), waiting: { reason: error.message, since, nextTryAt: now + delayMs } });
      return delayMs;
    });
  }

  async #awaitAppearance(host: Host, mayAppearMs: number): Promise<number> {
    const { store, clock } = this.#options;
    const delayMs = Math.min(lookEveryMs, mayAppearMs);
    const now = clock.now();
    const waiting = { reason: 'a machine that was asked for may still appear', since: host.unansweredSince ?? now, nextTryAt: now + delayMs };
    await store.transaction((transaction) => moveHost(transaction, clock, host.id, 'destroying', { waiting }));
    return delayMs;
  }

  async #find(host: Host, signal: AbortSignal): Promise<Machine | undefined> {
    return (await this.#listed(host, signal))[0];
  }

  async #listed(host: Host, signal: AbortSignal): Promise<readonly Machine[]> {
    return (await this.#options.calls.list(signal)).filter((machine) => machine.key === host.key);
  }

  async #appearsWithinMs(): Promise<number> {
    return (await this.#options.calls.listsAtOnce()) ? 0 : this.#options.appearsWithinMs;
  }

  /** What was on the machine went with it. */
  async #nodesGone(transaction: Transaction, hostId: string): Promise<void> {
    for (const node of await transaction.nodes.find({ hostId, phase: presentPhases })) {
      const gone = await transaction.nodes.update(inPhase({ ...node, desired: 'absent' }, 'gone', this.#options.clock.now()));
      await transaction.events.append(nodePhaseEvent(gone));
    }
  }
}
