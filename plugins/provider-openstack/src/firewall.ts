import { KeyedLock, ProviderError, type Clock, type FirewallRule } from '@wombat/plugin-sdk';
import { ruleChanges, toFirewallRule } from './firewall-rules.js';
import type { Neutron, SecurityGroup } from './neutron.js';

/** Groups of two coordinators in one project are not each other's. */
export function groupName(clusterId: string, group: string): string {
  return `wombat-${clusterId}-${group}`;
}

/** From the moment that a server is asked for until its port bears the group. */
const launchTakesMs = 60_000;

/** Keeps security groups equal to what is wanted. */
export class Firewall {
  readonly #neutron: Neutron;
  readonly #clusterId: string;
  readonly #clock: Clock;
  readonly #locks = new KeyedLock();
  /** When servers were last about to be made in a group. */
  readonly #launches = new Map<string, number>();

  constructor(neutron: Neutron, clusterId: string, clock: Clock) {
    this.#neutron = neutron;
    this.#clusterId = clusterId;
    this.#clock = clock;
  }

  /** Its security group, for a server that is about to be made; the group is made when it is not there. */
  async idOf(group: string, signal: AbortSignal): Promise<string> {
    const name = this.#nameOf(group);
    return await this.#locks.run(name, async () => {
      this.#launches.set(name, this.#clock.monotonic());
      return (await this.#group(name, signal)).id;
    });
  }

  /**
   * Answers what nobody had asked for, and was removed. What is wanted is let in before anything is shut out. A group without rules
   * and without servers is removed.
   */
  async ensure(group: string, rules: readonly FirewallRule[], signal: AbortSignal): Promise<readonly FirewallRule[]> {
    const name = this.#nameOf(group);
    return await this.#locks.run(name, async () => {
      // Judged before anything is made.
      ruleChanges(rules, []);
      const there = rules.length === 0 ? await this.#neutron.securityGroup(name, signal) : await this.#group(name, signal);
      if (!there) return [];
      const { id, security_group_rules: found } = there;
      const { missing, foreign } = ruleChanges(rules, found);
      if (missing.length > 0) await this.#neutron.createRules(id, missing, signal);
      for (const rule of foreign) await this.#neutron.deleteRule(rule.id, signal);
      if (rules.length === 0) await this.#removeUnused(name, id, signal);
      return foreign.map(toFirewallRule);
    });
  }

  #nameOf(group: string): string {
    const name = groupName(this.#clusterId, group);
    if (group === '' || name.length > 255) throw ProviderError.invalid('group', 'the name of a firewall group has 1 to 200 characters');
    return name;
  }

  async #removeUnused(name: string, id: string, signal: AbortSignal): Promise<void> {
    if (this.#clock.monotonic() - (this.#launches.get(name) ?? -Infinity) < launchTakesMs) return;
    this.#launches.delete(name);
    await this.#neutron.deleteSecurityGroup(id, signal);
  }

  async #group(name: string, signal: AbortSignal): Promise<SecurityGroup> {
    return (await this.#neutron.securityGroup(name, signal)) ?? (await this.#neutron.createSecurityGroup(name, 'kept by Wombat: rules made by others are removed', signal));
  }
}
