import { backoffMs, withDeadline, WombatError, type Clock } from '@wombat/proto';
import { failpoint } from '@wombat/proto/failpoints';
import type { CreateHostResult, HostSpec, Machine } from '@wombat/proto/plugin';
import type { Host } from '../domain/model/host.js';
import { errorOfFailure } from '../domain/provider-failure.js';
import { advance } from '../domain/states/machine.js';
import { hostTransitions, presentHostPhases } from '../domain/states/host-states.js';

import { inPhase, presentPhases } from '../domain/states/node-states.js';
import type { Fleet } from '../fleet/fleet.js';
import type { Store, Transaction } from '../store/store.js';
import { attributesFromWire } from './attributes.js';
import { hostPhaseEvent, nodePhaseEvent, storedError } from './events.js';
import type { HostSilence } from './host-silence.js';
import type { HostRevoker, ProviderDirectory } from './ports.js';

export interface HostControllerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly providers: ProviderDirectory;
  readonly revoker: HostRevoker;
  readonly clusterId: string;
  readonly silence: HostSilence;
  /** From the machine's creation to its agent's first session. */
  readonly enrolTimeoutMs: number;
  /** A host without nodes is destroyed after this. 0: never. */
  readonly idleTtlMs: number;
  /** @default 120000 */
  readonly providerTimeoutMs?: number;
}

const retry = { initialMs: 1_000, maximumMs: 60_000 };
const maximumAttempts = 5;

/** Brings machines into being and takes them away, as the rows of hosts say. */
export class HostController {
  readonly #options: HostControllerOptions;

  constructor(options: HostControllerOptions) {
    this.#options = options;
  }

  async all(): Promise<readonly string[]> {
    return this.#options.store.read.hosts.ids({ phase: presentHostPhases });
  }

  async reconcile(hostId: string, signal: AbortSignal): Promise<number | void> {
    const host = await this.#options.store.read.hosts.get(hostId);
    if (!host || host.phase === 'gone') return this.#options.silence.spoke(hostId);
    if (host.desired === 'absent') return this.#destroy(host, signal);
    if (host.phase === 'requested' || host.phase === 'creating') return this.#create(host, signal);
    // Its agent was quicker than the provider's answer, and that was lost: asking again tells of the same machine.
    if (host.machineId === '' && host.phase !== 'failed') return this.#learn(host, signal);
    if (host.phase === 'booting') return this.#awaitEnrolment(host);
    if (host.phase === 'up') return (await this.#options.silence.judge(host)) ?? this.#judgeIdle(host);
    // There may be a machine, and it costs money.
    if (host.phase === 'failed') return this.#judgeIdle(host);
  }

  /** The intent is in the store before the provider is asked; asking again with the key is harmless. */
  async #create(host: Host, signal: AbortSignal): Promise<number | void> {
    const { store, clock } = this.#options;
    const waitMs = (host.waiting?.nextTryAt ?? 0) - clock.now();
    if (waitMs > 0) return waitMs;
    await failpoint('coordinator.host.before-intent');
    const asked = await store.transaction((transaction) => this.#move(transaction, host.id, 'creating', { attempts: host.attempts + 1 }));
    if (!asked) return;
    try {
      await failpoint('coordinator.host.after-intent');
      const machine = await this.#createMachine(asked, signal);
      await failpoint('coordinator.host.after-create');
      await store.transaction((transaction) => this.#created(transaction, host.id, machine));
      await failpoint('coordinator.host.after-created');
      return this.#options.enrolTimeoutMs;
    } catch (error) {
      signal.throwIfAborted();
      return this.#creationFailed(asked, WombatError.from(error));
    }
  }

  async #learn(host: Host, signal: AbortSignal): Promise<void> {
    const machine = await this.#createMachine(host, signal);
    await this.#options.store.transaction((transaction) => this.#created(transaction, host.id, machine));
  }

  async #createMachine(host: Host, signal: AbortSignal): Promise<Machine> {
    const calls = await this.#calls(host);
    const deadline = withDeadline(this.#options.providerTimeoutMs ?? 120_000, `creating host ${host.name}`, signal);
    const [result] = await calls.createHosts([specOf(host, this.#options.clusterId)], { signal: deadline });
    return machineOf(result);
  }

  async #created(transaction: Transaction, hostId: string, machine: Machine): Promise<void> {
    const host = await transaction.hosts.get(hostId);
    if (!host) return;
    const known = {
      machineId: machine.machineId,
      addresses: machine.addresses.length > 0 ? machine.addresses : host.addresses,
      attributes: attributesFromWire(machine.attributes),
    };
    // A quick agent may have its session before the provider has answered.
    if (host.phase === 'creating') await this.#move(transaction, hostId, 'booting', known);
    else await transaction.hosts.update({ ...host, ...known });
  }

  async #creationFailed(host: Host, error: WombatError): Promise<number | void> {
    const { store, clock } = this.#options;
    // There is a machine after all: its agent has reported meanwhile.
    if ((await store.read.hosts.get(host.id))?.phase !== 'creating') throw error;
    const final = error.details['mayRetry'] === 'false' || host.attempts >= maximumAttempts;
    if (final) return store.transaction((transaction) => this.#fail(transaction, host.id, error));
    const delayMs = Number(error.details['retryAfterMs'] ?? 0) || backoffMs(host.attempts - 1, retry);
    const now = clock.now();
    await store.transaction((transaction) =>
      this.#move(transaction, host.id, 'requested', {
        lastError: storedError(error),
        waiting: { reason: error.message, since: host.phaseSince, nextTryAt: now + delayMs },
      }),
    );
    return delayMs;
  }

  async #awaitEnrolment(host: Host): Promise<number | void> {
    const leftMs = (await this.#enrolUntil(host)) - this.#options.clock.now();
    if (leftMs > 0) return leftMs;
    const error = new WombatError('WO_HOST_NOT_ENROLLED', `the agent of ${host.name} has not reported in ${this.#options.clock.now() - host.phaseSince} ms`);
    return this.#options.store.transaction((transaction) => this.#fail(transaction, host.id, error));
  }

  /** A machine that somebody sets up by hand comes when he is ready: as long as its token is good, and then as quickly as others. */
  async #enrolUntil(host: Host): Promise<number> {
    const { store, enrolTimeoutMs } = this.#options;
    const tokens = host.providerId === '' ? await store.read.joinTokens.find({ hostId: host.id }) : [];
    const good = tokens.filter((token) => token.revokedAt === undefined).map((token) => token.usedAt ?? token.expiresAt);
    return Math.max(host.phaseSince, ...good) + enrolTimeoutMs;
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

  async #destroy(host: Host, signal: AbortSignal): Promise<number | void> {
    const { store, clock, fleet, revoker } = this.#options;
    const waitMs = host.phase === 'destroying' ? (host.waiting?.nextTryAt ?? 0) - clock.now() : 0;
    if (waitMs > 0) return waitMs;
    if (host.phase !== 'destroying') {
      await store.transaction((transaction) => this.#move(transaction, host.id, 'destroying', {}));
    }
    await revoker.revoke(host.id, 'the host is removed');
    fleet.disconnect(host.id, 'the host is removed');
    try {
      await failpoint('coordinator.host.before-destroy');
      await this.#destroyMachines(host, signal);
      await failpoint('coordinator.host.after-destroy');
    } catch (error) {
      signal.throwIfAborted();
      return this.#destructionFailed(host.id, WombatError.from(error));
    }
    await store.transaction(async (transaction) => {
      await this.#move(transaction, host.id, 'gone', {});
      await this.#nodesGone(transaction, host.id);
    });
  }

  /** It is tried for ever, ever more slowly: a machine that nobody knows of any more costs money. */
  async #destructionFailed(hostId: string, error: WombatError): Promise<number> {
    const { store, clock } = this.#options;
    const now = clock.now();
    return store.transaction(async (transaction) => {
      const host = await transaction.hosts.get(hostId);
      const delayMs = Number(error.details['retryAfterMs'] ?? 0) || Math.min(retry.maximumMs, Math.max(retry.initialMs, now - (host?.phaseSince ?? now)));
      await this.#move(transaction, hostId, 'destroying', {
        lastError: storedError(error), waiting: { reason: error.message, since: host?.phaseSince ?? now, nextTryAt: now + delayMs },
      });
      return delayMs;
    });
  }

  async #machinesOf(host: Host, signal: AbortSignal): Promise<string[]> {
    const calls = await this.#calls(host);
    const deadline = withDeadline(this.#options.providerTimeoutMs ?? 120_000, `listing machines for ${host.name}`, signal);
    const machines = await calls.listHosts({ signal: deadline });
    return machines.filter((machine) => machine.key === host.key).map((machine) => machine.machineId);
  }

  async #destroyMachines(host: Host, signal: AbortSignal): Promise<void> {
    // Set up by hand: no provider could take it away.
    if (host.providerId === '') return;
    // Even without a machine id there may be a machine: the answer to its creation may have been lost.
    const machineIds = host.machineId ? [host.machineId] : await this.#machinesOf(host, signal);
    if (machineIds.length === 0) return;
    const calls = await this.#calls(host);
    const deadline = withDeadline(this.#options.providerTimeoutMs ?? 120_000, `destroying host ${host.name}`, signal);
    for (const result of await calls.destroyHosts(machineIds, { signal: deadline })) {
      if (result.failure) throw errorOfFailure(result.failure);
    }
  }

  async #calls(host: Host): ReturnType<ProviderDirectory['get']> {
    const provider = await this.#options.store.read.providers.get(host.providerId);
    if (!provider) throw new WombatError('WO_NOT_FOUND', `the provider of host ${host.name} is not registered any more`);
    return this.#options.providers.get(provider);
  }

  async #move(transaction: Transaction, hostId: string, phase: Host['phase'], fields: Partial<Host>): Promise<Host | undefined> {
    const host = await transaction.hosts.get(hostId);
    if (!host) return undefined;
    const { waiting: _over, ...rest } = host;
    advance(`host ${host.name}`, hostTransitions, host.phase, phase);
    const moved = await transaction.hosts.update({
      ...rest, phase, phaseSince: phase === host.phase ? host.phaseSince : this.#options.clock.now(), ...fields,
    });
    if (phase !== host.phase) await transaction.events.append(hostPhaseEvent(moved));
    return moved;
  }

  async #fail(transaction: Transaction, hostId: string, error: WombatError): Promise<void> {
    const lastError = storedError(error);
    const host = await this.#move(transaction, hostId, 'failed', { lastError });
    if (!host) return;
    for (const node of await transaction.nodes.find({ hostId, phase: presentPhases })) {
      // Nothing was ever started there, so who wanted it gone or stopped has it.
      const phase = ({ running: 'failed', stopped: 'stopped', absent: 'gone' } as const)[node.desired];
      const over = await transaction.nodes.update(inPhase(node, phase, this.#options.clock.now(), phase === 'failed' ? { lastError } : {}));
      await transaction.events.append(nodePhaseEvent(over));
    }
  }

  /** What was on the machine went with it. */
  async #nodesGone(transaction: Transaction, hostId: string): Promise<void> {
    for (const node of await transaction.nodes.find({ hostId, phase: presentPhases })) {
      const gone = await transaction.nodes.update(inPhase({ ...node, desired: 'absent' }, 'gone', this.#options.clock.now()));
      await transaction.events.append(nodePhaseEvent(gone));
    }
  }
}

function specOf(host: Host, clusterId: string): HostSpec {
  return {
    key: host.key,
    hostId: host.id,
    image: host.image,
    hardwareProfile: host.hardwareProfile,
    region: host.region,
    zone: host.zone,
    tags: { 'wombat-cluster': clusterId, 'wombat-host': host.id, 'wombat-key': host.key },
    firewallGroup: '',
    spot: false,
    labels: [],
  };
}

function machineOf(result: CreateHostResult | undefined): Machine {
  if (result?.outcome?.$case === 'machine') return result.outcome.value;
  if (result?.outcome?.$case === 'failure') throw errorOfFailure(result.outcome.value);
  throw new WombatError('WO_PROVIDER_UNAVAILABLE', 'the provider gave no answer for the host');
}
