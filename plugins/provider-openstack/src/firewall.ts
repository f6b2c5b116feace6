import { KeyedLock, ProviderError, type FirewallRule } from '@wombat/plugin-sdk';
import { ruleChanges, toFirewallRule } from './firewall-rules.js';
import type { Neutron, SecurityGroup } from './neutron.js';

/** Groups of two coordinators in one project are not each other's. */
export function groupName(clusterId: string, group: string): string {
  return `wombat-${clusterId}-${group}`;
}

/** Keeps security groups equal to what is wanted. */
export class Firewall {
  readonly #neutron: Neutron;
  readonly #clusterId: string;
  readonly #locks = new KeyedLock();

  constructor(neutron: Neutron, clusterId: string) {
    this.#neutron = neutron;
    this.#clusterId = clusterId;
  }

  /** Answers what nobody had asked for, and was removed. What is wanted is let in before anything is shut out. */
  async ensure(group: string, rules: readonly FirewallRule[], signal: AbortSignal): Promise<readonly FirewallRule[]> {
    const name = groupName(this.#clusterId, group);
    if (group === '' || name.length > 255) throw ProviderError.invalid('group', 'the name of a firewall group has 1 to 200 characters');
    return await this.#locks.run(name, async () => {
      // Judged before anything is made.
      ruleChanges(rules, []);
      const there = rules.length === 0 ? await this.#neutron.securityGroup(name, signal) : await this.#group(name, signal);
      if (!there) return [];
      const { id, security_group_rules: found } = there;
      const { missing, foreign } = ruleChanges(rules, found);
      if (missing.length > 0) await this.#neutron.createRules(id, missing, signal);
      for (const rule of foreign) await this.#neutron.deleteRule(rule.id, signal);
      return foreign.map(toFirewallRule);
    });
  }

  async #group(name: string, signal: AbortSignal): Promise<SecurityGroup> {
    return (await this.#neutron.securityGroup(name, signal)) ?? (await this.#neutron.createSecurityGroup(name, 'kept by Wombat: rules made by others are removed', signal));
  }
}
