import { orAborted, withinTime, WombatError, type Clock } from '@wombat/proto';
import type { FirewallRule, HostSpec, Machine } from '@wombat/proto/plugin';
import { errorOfFailure } from '../../domain/provider-failure.js';
import type { ProviderCalls } from '../ports.js';
import { longestPauseMs, ProviderPace } from './provider-pace.js';

export interface ProviderLimits {
  readonly callsPerSecond: number;
  readonly callsAtOnce: number;
  /** Machines asked for, or destroyed, in one call. */
  readonly hostsPerCall: number;
}

export interface MachineCallsOptions {
  readonly clock: Clock;
  /** The provider as it is registered now. */
  readonly connect: () => Promise<ProviderCalls>;
  readonly limits: ProviderLimits;
}

const timeouts = { createMs: 300_000, listMs: 60_000, destroyMs: 120_000, firewallMs: 60_000 } as const;

/** What one provider is asked about machines: at its pace, with deadlines, and one list for all who want one. */
export class MachineCalls {
  readonly pace: ProviderPace;
  readonly #options: MachineCallsOptions;
  readonly #stop = new AbortController();
  #nextList: Promise<readonly Machine[]> | undefined;

  constructor(options: MachineCallsOptions) {
    this.#options = options;
    this.pace = new ProviderPace(options.clock, options.limits.callsPerSecond);
  }

  /** Whether what is not listed is not there. */
  async listsAtOnce(): Promise<boolean> {
    return (await this.#options.connect()).listsAtOnce;
  }

  /**
   * A machine or an error for each host, in their order.
   * @throws WombatError when no provider could be asked, so that nothing was made, or the signal's reason
   */
  async create(specs: readonly HostSpec[], signal: AbortSignal): Promise<readonly (Machine | WombatError)[]> {
    const calls = await this.#connect(signal);
    try {
      const results = await withinTime(this.#options.clock, timeouts.createMs, 'creating hosts', signal, (within) => calls.createHosts(specs, { signal: within }));
      return specs.map((_, index) => {
        const outcome = results[index]?.outcome;
        if (outcome?.$case === 'machine') return outcome.value;
        return outcome ? this.#heard(errorOfFailure(outcome.value)) : new WombatError('WO_PROVIDER_UNAVAILABLE', 'the provider gave no answer for the host');
      });
    } catch (error) {
      signal.throwIfAborted();
      return specs.map(() => this.#heard(WombatError.from(error)));
    }
  }

  /** An error, or nothing when it is gone, for each machine, in their order. @throws the signal's reason */
  async destroy(machineIds: readonly string[], signal: AbortSignal): Promise<readonly (WombatError | undefined)[]> {
    try {
      const calls = await this.#connect(signal);
      const results = await withinTime(this.#options.clock, timeouts.destroyMs, 'destroying hosts', signal, (within) => calls.destroyHosts(machineIds, { signal: within }));
      return machineIds.map((_, index) => {
        const result = results[index];
        if (!result) return new WombatError('WO_PROVIDER_UNAVAILABLE', 'the provider gave no answer for the machine');
        return result.failure && this.#heard(errorOfFailure(result.failure));
      });
    } catch (error) {
      signal.throwIfAborted();
      return machineIds.map(() => this.#heard(WombatError.from(error)));
    }
  }

  /** The machines of this cluster as they are listed after this call; who asks meanwhile is answered by the same list. */
  async list(signal: AbortSignal): Promise<readonly Machine[]> {
    this.#nextList ??= this.#list(this.#stop.signal);
    // Nobody may be waiting any more when it fails.
    this.#nextList.catch(() => undefined);
    return orAborted(this.#nextList, signal);
  }

  /** @throws WombatError of the provider, or the signal's reason */
  async ensureFirewall(group: string, rules: readonly FirewallRule[], signal: AbortSignal): Promise<readonly FirewallRule[]> {
    await this.pace.enter(signal);
    const calls = await this.#connect(signal);
    try {
      return await withinTime(this.#options.clock, timeouts.firewallMs, 'setting a firewall', signal, (within) => calls.ensureFirewall(group, rules, { signal: within }));
    } catch (error) {
      signal.throwIfAborted();
      throw this.#heard(WombatError.from(error));
    }
  }

  stop(reason: Error): void {
    this.#stop.abort(reason);
  }

  async #list(signal: AbortSignal): Promise<readonly Machine[]> {
    try {
      await this.pace.enter(signal);
    } finally {
      this.#nextList = undefined;
    }
    const calls = await this.#connect(signal);
    try {
      return await withinTime(this.#options.clock, timeouts.listMs, 'listing machines', signal, (within) => calls.listHosts({ signal: within }));
    } catch (error) {
      throw this.#heard(WombatError.from(error));
    }
  }

  /** It may have asked to be left alone since this call's turn came: intents are written in between. */
  async #connect(signal: AbortSignal): Promise<ProviderCalls> {
    const calls = await this.#options.connect();
    await this.pace.quiet(signal);
    return calls;
  }

  #heard(error: WombatError): WombatError {
    if (error.code === 'WO_PROVIDER_THROTTLED') this.pace.throttled(retryAfterMsOf(error));
    return error;
  }
}

/** As the provider said, within reason; undefined when it did not. */
export function retryAfterMsOf(error: WombatError): number | undefined {
  const said = Number(error.details['retryAfterMs']);
  return said > 0 ? Math.min(longestPauseMs, said) : undefined;
}
