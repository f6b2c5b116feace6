import { backoffMs, WombatError, type Clock } from '@wombat/proto';
import type { HostSpec, Machine } from '@wombat/proto/plugin';
import type { Host } from '../../domain/model/host.js';
import type { Store, Transaction } from '../../store/store.js';
import { attributesFromWire } from '../../domain/attributes/stored-value.js';
import { storedError } from '../events.js';
import { failHost, moveHost } from '../move-host.js';
import { retryAfterMsOf } from './machine-calls.js';
import { isNoAnswer, lookEveryMs, mayAppearForMs } from './unanswered.js';

export interface CreationsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly clusterId: string;
  readonly random?: () => number;
}

const retry = { initialMs: 1_000, maximumMs: 60_000 };
const maximumAttempts = 5;
/** Also what is never refused for good ends: a provider that throttles for ever, or whose list cannot be read. */
const longestMs = 30 * 60_000;

/** What becomes of a host's row while its machine is asked for. Each answers when to look again, if there is something to wait for. */
export class Creations {
  readonly #options: CreationsOptions;

  constructor(options: CreationsOptions) {
    this.#options = options;
  }

  /** The intents, stored before the provider is asked. Hosts that nobody wants any more are left out. */
  async ask(hostIds: readonly string[]): Promise<Host[]> {
    const { store, clock } = this.#options;
    return store.transaction(async (transaction) => {
      const asked: Host[] = [];
      for (const id of hostIds) {
        const host = await transaction.hosts.get(id);
        if (host?.phase !== 'requested' || host.desired !== 'present') continue;
        const waiting = { reason: 'its provider has not answered yet', since: clock.now() };
        asked.push((await moveHost(transaction, clock, id, 'creating', { attempts: host.attempts + 1, waiting }))!);
      }
      return asked;
    });
  }

  specOf(host: Host): HostSpec {
    return {
      key: host.key,
      hostId: host.id,
      image: host.image,
      hardwareProfile: host.hardwareProfile,
      region: host.region,
      zone: host.zone,
      tags: { 'wombat-cluster': this.#options.clusterId, 'wombat-host': host.id, 'wombat-key': host.key },
      firewallGroup: host.firewallFamilyId ?? '',
      spot: false,
      labels: [],
    };
  }

  /** What the provider has said of each host, in one transaction; `appearsWithinMs` as in MachineController. */
  async answered(answers: ReadonlyMap<Host, Machine | WombatError>, appearsWithinMs: number): Promise<Map<string, number | void>> {
    return this.#options.store.transaction(async (transaction) => {
      const again = new Map<string, number | void>();
      for (const [{ id }, answer] of answers) {
        again.set(id, await (WombatError.is(answer) ? this.#refused(transaction, id, answer, appearsWithinMs) : this.#made(transaction, id, answer)));
      }
      return again;
    });
  }

  async found(hostId: string, machine: Machine): Promise<void> {
    await this.#options.store.transaction((transaction) => this.#made(transaction, hostId, machine));
  }

  async refused(hostId: string, error: WombatError, appearsWithinMs: number): Promise<number | void> {
    return this.#options.store.transaction((transaction) => this.#refused(transaction, hostId, error, appearsWithinMs));
  }

  /** Nobody knows whether there is a machine, and the list, where it could be read, does not show one. */
  async notFound(hostId: string, appearsWithinMs: number, unreadable?: WombatError): Promise<number | void> {
    const { store, clock } = this.#options;
    return store.transaction(async (transaction) => {
      const host = await transaction.hosts.get(hostId);
      if (host?.phase !== 'creating') return;
      const unanswered = { ...host, unansweredSince: host.unansweredSince ?? clock.now() };
      if (unreadable) {
        if (isFinal(unreadable) || clock.now() - unanswered.unansweredSince > longestMs) return failHost(transaction, clock, hostId, unreadable);
      } else if (mayAppearForMs(clock, unanswered, appearsWithinMs) === 0) {
        return this.#again(transaction, host);
      }
      await this.#awaitAppearance(transaction, unanswered, appearsWithinMs);
      return lookEveryMs;
    });
  }

  async #made(transaction: Transaction, hostId: string, machine: Machine): Promise<void> {
    const current = await transaction.hosts.get(hostId);
    if (!current) return;
    const { unansweredSince: _answered, ...host } = current;
    const known = {
      machineId: machine.machineId,
      addresses: machine.addresses.length > 0 ? machine.addresses : host.addresses,
      attributes: attributesFromWire(machine.attributes),
    };
    await transaction.hosts.update({ ...host, ...known });
    // A quick agent may have its session before the provider has answered.
    if (host.phase === 'requested') await moveHost(transaction, this.#options.clock, hostId, 'creating');
    if (host.phase === 'requested' || host.phase === 'creating') await moveHost(transaction, this.#options.clock, hostId, 'booting');
  }

  async #refused(transaction: Transaction, hostId: string, error: WombatError, appearsWithinMs: number): Promise<number | void> {
    const { clock } = this.#options;
    const host = await transaction.hosts.get(hostId);
    if (!host) return;
    const lastError = storedError(error);
    // There is a machine after all: its agent has reported meanwhile.
    if (host.phase !== 'creating' && host.phase !== 'requested') return lookEveryMs;
    if (host.phase === 'creating' && isNoAnswer(error.code) && appearsWithinMs > 0) {
      await this.#awaitAppearance(transaction, { ...host, lastError, unansweredSince: clock.now() }, appearsWithinMs);
      return lookEveryMs;
    }
    const isThrottled = error.code === 'WO_PROVIDER_THROTTLED';
    // To be told to wait is no attempt that failed.
    const attempts = isThrottled && host.phase === 'creating' ? host.attempts - 1 : host.attempts;
    if (host.desired === 'present' && (isFinal(error) || attempts >= maximumAttempts || clock.now() - host.createdAt > longestMs)) return failHost(transaction, clock, hostId, error);
    return this.#later(transaction, { ...host, attempts, lastError }, error);
  }

  async #later(transaction: Transaction, host: Host, error: WombatError): Promise<number> {
    const { clock, random } = this.#options;
    const delayMs = retryAfterMsOf(error) ?? backoffMs(Math.max(0, host.attempts - 1), retry, random);
    const now = clock.now();
    await moveHost(transaction, clock, host.id, 'requested', {
      attempts: host.attempts,
      waiting: { reason: error.message, since: host.phaseSince, nextTryAt: now + delayMs },
      ...(host.lastError ? { lastError: host.lastError } : {}),
    });
    return delayMs;
  }

  async #awaitAppearance(transaction: Transaction, host: Host, appearsWithinMs: number): Promise<void> {
    const since = host.unansweredSince ?? this.#options.clock.now();
    const reason = 'the answer to its creation was lost, and its machine may still appear; it is asked for again when it has not';
    // Said once: each write leads to another look.
    if (host.waiting?.reason !== reason) await transaction.hosts.update({ ...host, waiting: { reason, since, nextTryAt: since + appearsWithinMs } });
  }

  /** What did not appear was not made. */
  async #again(transaction: Transaction, { unansweredSince: _over, ...host }: Host): Promise<number | void> {
    const { clock } = this.#options;
    const error = new WombatError('WO_PROVIDER_UNAVAILABLE', host.lastError?.message ?? 'the provider has not answered, and lists no machine of the host');
    await transaction.hosts.update(host);
    if (host.attempts >= maximumAttempts) return failHost(transaction, clock, host.id, error);
    return this.#later(transaction, host, error);
  }
}

function isFinal(error: WombatError): boolean {
  return error.details['mayRetry'] === 'false';
}
