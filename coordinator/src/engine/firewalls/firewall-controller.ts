import { WombatError, type Clock } from '@wombat/proto';
import type { FirewallRule as RuleMessage } from '@wombat/proto/plugin';
import type { FirewallRule } from '../../domain/model/family.js';
import type { NewEvent } from '../../domain/model/event.js';
import type { Host } from '../../domain/model/host.js';
import type { Store } from '../../store/store.js';
import type { Machines } from '../machines/machines.js';
import type { EnforcesFirewall } from '../ports.js';

export interface FirewallControllerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly machines: Pick<Machines, 'callsOf'>;
  readonly enforcesFirewall: EnforcesFirewall;
  /** How often what the provider has is compared with the rules, though they have not changed. */
  readonly compareEveryMs: number;
}

/** Machines that are gone still end for a while at their provider, and until then the group cannot go. */
const closingMs = 60 * 60_000;
const noRules = JSON.stringify([]);

interface Ensured {
  readonly rules: string;
  readonly atMs: number;
}

/** The rules of one family at one provider. */
interface Firewall {
  readonly providerId: string;
  readonly familyId: string;
}

/**
 * Keeps the rules of each family equal at each provider that enforces them: from when the family has a domain there, until it is
 * gone and so are its machines. The group at the provider is named by the family's id.
 */
export class FirewallController {
  readonly #options: FirewallControllerOptions;
  readonly #ensured = new Map<string, Ensured>();
  /** Why the last try failed: told once. */
  readonly #failures = new Map<string, string>();
  /** Whether hosts have been looked through for what a coordinator before this one has left. */
  #hasLookedBack = false;

  constructor(options: FirewallControllerOptions) {
    this.#options = options;
  }

  /** One for each provider and family, also of families that are gone and have left a group behind. */
  async all(): Promise<readonly string[]> {
    const providerId = await this.#providerIds();
    if (providerId.length === 0) return [];
    const { read } = this.#options.store;
    const left = this.#hasLookedBack ? [] : (await read.hosts.find({ providerId })).filter((host) => this.#keepsGroup(host));
    this.#hasLookedBack = true;
    const ids = [...(await read.domains.find({ providerId })).map(idOf), ...left.map((host) => idOf({ providerId: host.providerId, familyId: host.firewallFamilyId! }))];
    return [...new Set([...ids, ...this.#ensured.keys()])];
  }

  /** Those of one family, also when that is no more. */
  async of(familyId: string): Promise<readonly string[]> {
    const providerIds = await this.#providerIds();
    const domains = providerIds.length === 0 ? [] : await this.#options.store.read.domains.find({ familyId, providerId: providerIds });
    return [...new Set([...domains.map(idOf), ...providerIds.map((providerId) => idOf({ providerId, familyId })).filter((id) => this.#ensured.has(id))])];
  }

  /** Sets it when that was not done yet. @throws WombatError of the provider, or the signal's reason */
  async ready(providerId: string, familyId: string, signal: AbortSignal): Promise<void> {
    const id = idOf({ providerId, familyId });
    if (!this.#ensured.has(id)) await this.reconcile(id, signal);
  }

  async reconcile(id: string, signal: AbortSignal): Promise<number | void> {
    const { clock, compareEveryMs, machines } = this.#options;
    const firewall = partsOf(id);
    const wanted = await this.#wanted(firewall);
    if (!wanted) return this.#forget(id);
    const rules = JSON.stringify(wanted);
    const ensured = this.#ensured.get(id);
    if (ensured?.rules === rules) {
      const restMs = ensured.atMs + compareEveryMs - clock.monotonic();
      if (restMs > 0) return restMs;
    }
    try {
      const drift = await machines.callsOf(firewall.providerId).ensureFirewall(firewall.familyId, wanted, signal);
      this.#ensured.set(id, { rules, atMs: clock.monotonic() });
      this.#failures.delete(id);
      if (drift.length > 0) await this.#tell(firewall, 'firewall.drift', 'drift', `let in what no rule says, and does no more: ${drift.map(ruleText).join(', ')}`);
    } catch (error) {
      signal.throwIfAborted();
      await this.#failed(id, firewall, WombatError.from(error));
      throw error;
    }
    return compareEveryMs;
  }

  async #providerIds(): Promise<string[]> {
    const { store, enforcesFirewall } = this.#options;
    return (await store.read.providers.find({})).filter(({ driver }) => enforcesFirewall(driver)).map(({ id }) => id);
  }

  /** Undefined: nothing is to be done there. */
  async #wanted(firewall: Firewall): Promise<readonly FirewallRule[] | undefined> {
    const { providerId, familyId } = firewall;
    const { read } = this.#options.store;
    const [provider, family] = [await read.providers.get(providerId), await read.families.get(familyId)];
    if (!provider || !this.#options.enforcesFirewall(provider.driver)) return undefined;
    if (family && (await read.domains.count({ familyId, providerId })) > 0) return family.spec.firewall;
    const machines = (await read.hosts.find({ providerId })).filter((host) => host.firewallFamilyId === familyId && this.#keepsGroup(host));
    // As long as there are machines, they keep the rules of a family that is still there; without any the group is closed, and may go.
    if (family && machines.some(({ phase }) => phase !== 'gone')) return family.spec.firewall;
    const isClosed = (this.#ensured.get(idOf(firewall))?.rules ?? noRules) === noRules;
    return machines.length === 0 && isClosed ? undefined : [];
  }

  /** Its machine is in the group of a family, or was until a moment ago. */
  #keepsGroup({ firewallFamilyId, phase, phaseSince }: Host): boolean {
    return firewallFamilyId !== undefined && (phase !== 'gone' || this.#options.clock.now() - phaseSince < closingMs);
  }

  async #failed(id: string, firewall: Firewall, error: WombatError): Promise<void> {
    if (this.#failures.get(id) === error.message) return;
    this.#failures.set(id, error.message);
    await this.#tell(firewall, 'firewall.failed', error.code, `could not be set: ${error.message}`);
  }

  async #tell({ providerId, familyId }: Firewall, type: string, reason: string, what: string): Promise<void> {
    const { read } = this.#options.store;
    const [provider, family] = [await read.providers.get(providerId), await read.families.get(familyId)];
    const event: NewEvent = { type, subjectId: familyId, subjectName: family?.name ?? familyId, familyId, reason, message: `the firewall of ${family?.name ?? familyId} at ${provider?.name ?? providerId} ${what}` };
    await this.#options.store.transaction((transaction) => transaction.events.append(event));
  }

  #forget(id: string): void {
    this.#ensured.delete(id);
    this.#failures.delete(id);
  }
}

function idOf({ providerId, familyId }: Firewall): string {
  return `${providerId} ${familyId}`;
}

function partsOf(id: string): Firewall {
  const [providerId = '', familyId = ''] = id.split(' ');
  return { providerId, familyId };
}

function ruleText({ protocol, fromPort, toPort, source }: RuleMessage): string {
  return `${protocol}:${fromPort}:${toPort}${source === '' ? '' : ` from ${source}`}`;
}
