import {
  AuthorizeSecurityGroupIngressCommand, CreateSecurityGroupCommand, DeleteSecurityGroupCommand, DescribeInstancesCommand, DescribeSecurityGroupsCommand, RevokeSecurityGroupIngressCommand,
  type SecurityGroup,
} from '@aws-sdk/client-ec2';
import { KeyedLock, orAborted, ProviderError, tagNames, type Clock, type FirewallRule } from '@wombat/plugin-sdk';
import type { Ec2Api } from './ec2-api.js';
import { codeOf } from './ec2-error.js';
import { openingsIn, openingsOf, openingWithin, toPermissions, toRule, without, type Opening } from './firewall-rules.js';
import { launchTakesMs } from './limits.js';
import { notTerminated } from './machine-of.js';
import type { Network } from './network.js';
import type { Ec2Settings } from './settings.js';
import { tagged } from './tags.js';

export interface FirewallGroupsOptions {
  readonly api: Ec2Api;
  readonly settings: Ec2Settings;
  readonly clusterId: string;
  readonly network: Network;
  readonly clock: Clock;
}

/** Tag of a security group beside that of the cluster: which firewall it is. */
const groupTag = 'wombat-firewall';

interface Place {
  readonly vpcId: string;
  readonly name: string;
}

/** A security group in the VPC for each firewall group, with the tag of the cluster. */
export class FirewallGroups {
  readonly #options: FirewallGroupsOptions;
  readonly #locks = new KeyedLock();
  /** When hosts were last about to be launched into a group. */
  readonly #launches = new Map<string, number>();

  constructor(options: FirewallGroupsOptions) {
    this.#options = options;
  }

  /** Its security group, made when it is not there. */
  async idOf(group: string, signal: AbortSignal): Promise<string> {
    return this.#locked(group, signal, async () => {
      this.#launches.set(group, this.#options.clock.monotonic());
      return (await this.#findOrMake(group, signal)).GroupId!;
    });
  }

  /**
   * Lets in what the rules say and nothing else. Answers what somebody else had let in, and was removed. A group without rules and
   * without hosts is removed.
   */
  async ensure(group: string, rules: readonly FirewallRule[], signal: AbortSignal): Promise<FirewallRule[]> {
    return this.#locked(group, signal, async () => {
      const found = rules.length === 0 ? await this.#find(await this.#place(group, signal), signal) : await this.#findOrMake(group, signal);
      if (!found) return [];
      const drift = await this.#equal(found, rules, signal);
      if (rules.length === 0) await this.#removeUnused(group, found, signal);
      return drift;
    });
  }

  async #equal({ GroupId, IpPermissions = [] }: SecurityGroup, rules: readonly FirewallRule[], signal: AbortSignal): Promise<FirewallRule[]> {
    const wanted = [...openingsOf(rules), ...this.#within(GroupId!)];
    const found = openingsIn(IpPermissions);
    const unwanted = without(found, wanted);
    // In this order nobody who may come in is shut out meanwhile.
    await this.#add(GroupId!, without(wanted, found), signal);
    await this.#remove(GroupId!, unwanted, signal);
    return unwanted.filter(({ isOurs }) => !isOurs).map(toRule);
  }

  #within(groupId: string): Opening[] {
    return this.#options.settings.membersReachEachOther ? [openingWithin(groupId)] : [];
  }

  /** Amazon's EC2 itself refuses while there are hosts in it; others do not. */
  async #removeUnused(group: string, { GroupId = '' }: SecurityGroup, signal: AbortSignal): Promise<void> {
    const { api, clock } = this.#options;
    if (clock.monotonic() - (this.#launches.get(group) ?? -Infinity) < launchTakesMs) return;
    const { Reservations = [] } = await api.send(new DescribeInstancesCommand({ Filters: [notTerminated, { Name: 'instance.group-id', Values: [GroupId] }], MaxResults: 5 }), signal);
    if (Reservations.length > 0) return;
    try {
      await api.send(new DeleteSecurityGroupCommand({ GroupId }), signal);
    } catch (error) {
      if (!['DependencyViolation', 'InvalidGroup.InUse', 'InvalidGroup.NotFound'].includes(codeOf(error))) throw error;
    }
  }

  async #locked<T>(group: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (!/^[A-Za-z0-9-]{1,100}$/.test(group)) throw ProviderError.invalid('group', 'a firewall group is 1-100 letters, digits and dashes');
    return orAborted(this.#locks.run(group, async () => {
      signal.throwIfAborted();
      return work();
    }), signal);
  }

  async #place(group: string, signal: AbortSignal): Promise<Place> {
    return { vpcId: (await this.#options.network.vpc(signal)).id, name: `wombat-${this.#options.clusterId}-${group}` };
  }

  async #findOrMake(group: string, signal: AbortSignal): Promise<SecurityGroup> {
    const place = await this.#place(group, signal);
    const found = await this.#find(place, signal);
    if (found) return found;
    try {
      return await this.#make(place, group, signal);
    } catch (error) {
      if (codeOf(error) !== 'InvalidGroup.Duplicate') throw error;
      // Another has made it a moment ago, or it was there before us and is not ours.
      const theirs = await this.#find(place, signal);
      if (theirs) return theirs;
      throw ProviderError.invalid('group', `a security group ${place.name} without the tag ${tagNames.cluster} of this cluster is in the way`, error);
    }
  }

  async #find({ vpcId, name }: Place, signal: AbortSignal): Promise<SecurityGroup | undefined> {
    const { api, clusterId } = this.#options;
    const filters = { 'vpc-id': vpcId, 'group-name': name, [`tag:${tagNames.cluster}`]: clusterId };
    const command = new DescribeSecurityGroupsCommand({ Filters: Object.entries(filters).map(([Name, value]) => ({ Name, Values: [value] })) });
    return (await api.send(command, signal)).SecurityGroups?.[0];
  }

  /** Answers it as it will be found: its members reach each other from the start. */
  async #make({ vpcId, name }: Place, group: string, signal: AbortSignal): Promise<SecurityGroup> {
    const { api, clusterId, settings } = this.#options;
    const { GroupId } = await api.send(new CreateSecurityGroupCommand({
      GroupName: name,
      Description: `Wombat: hosts of firewall ${group}`,
      VpcId: vpcId,
      TagSpecifications: tagged(['security-group'], settings.tags, { [tagNames.cluster]: clusterId, [groupTag]: group }),
    }), signal);
    if (!GroupId) throw ProviderError.unavailable('EC2 answered no security group');
    await this.#add(GroupId, this.#within(GroupId), signal);
    return { GroupId, IpPermissions: toPermissions(this.#within(GroupId), true) };
  }

  async #add(groupId: string, openings: readonly Opening[], signal: AbortSignal): Promise<void> {
    if (openings.length === 0) return;
    await this.#options.api.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: groupId, IpPermissions: toPermissions(openings, true) }), signal);
  }

  async #remove(groupId: string, openings: readonly Opening[], signal: AbortSignal): Promise<void> {
    if (openings.length === 0) return;
    await this.#options.api.send(new RevokeSecurityGroupIngressCommand({ GroupId: groupId, IpPermissions: toPermissions(openings, false) }), signal);
  }
}
