import type { IpPermission } from '@aws-sdk/client-ec2';
import type { FirewallRule } from '@wombat/plugin-sdk';
import { canonicalCidr } from './cidr.js';

/** One way in: EC2 keeps several sources in one permission, they are compared one by one. */
export interface Opening {
  readonly protocol: string;
  readonly fromPort: number;
  readonly toPort: number;
  readonly kind: 'four' | 'six' | 'group' | 'prefixes';
  /** CIDR, id of a security group, or id of a prefix list. */
  readonly source: string;
  /** Wombat has made it, by its description. */
  readonly isOurs: boolean;
}

const description = 'wombat';
const everyPort = { protocol: '-1', fromPort: -1, toPort: -1 };
const everywhere = ['0.0.0.0/0', '::/0'];

/** What the rules of a family ask for. */
export function openingsOf(rules: readonly FirewallRule[]): Opening[] {
  const all = rules.flatMap(({ protocol, fromPort, toPort, source }) =>
    (source === '' ? everywhere : [canonicalCidr(source)]).map((cidr): Opening => ({ protocol, fromPort, toPort, kind: cidr.includes(':') ? 'six' : 'four', source: cidr, isOurs: true })));
  return [...new Map(all.map((opening) => [nameOf(opening), opening])).values()];
}

/** Members of the group reach each other. */
export function openingWithin(groupId: string): Opening {
  return { ...everyPort, kind: 'group', source: groupId, isOurs: true };
}

/** What a security group lets in. */
export function openingsIn(permissions: readonly IpPermission[]): Opening[] {
  return permissions.flatMap(({ IpProtocol = '-1', FromPort = -1, ToPort = -1, IpRanges, Ipv6Ranges, UserIdGroupPairs, PrefixListIds }) => {
    const ports = { protocol: IpProtocol, fromPort: FromPort, toPort: ToPort };
    return [
      ...(IpRanges ?? []).map(({ CidrIp = '', Description }): Opening => ({ ...ports, kind: 'four', source: CidrIp, isOurs: Description === description })),
      ...(Ipv6Ranges ?? []).map(({ CidrIpv6 = '', Description }): Opening => ({ ...ports, kind: 'six', source: CidrIpv6, isOurs: Description === description })),
      ...(UserIdGroupPairs ?? []).map(({ GroupId = '', Description }): Opening => ({ ...ports, kind: 'group', source: GroupId, isOurs: Description === description })),
      ...(PrefixListIds ?? []).map(({ PrefixListId = '', Description }): Opening => ({ ...ports, kind: 'prefixes', source: PrefixListId, isOurs: Description === description })),
    ];
  });
}

/** Those of the first that are not among the second. */
export function without(openings: readonly Opening[], others: readonly Opening[]): Opening[] {
  const names = new Set(others.map(nameOf));
  return openings.filter((opening) => !names.has(nameOf(opening)));
}

/** As they are added, with our description; as they are removed, without any. */
export function toPermissions(openings: readonly Opening[], marked: boolean): IpPermission[] {
  const mark = marked ? { Description: description } : {};
  return openings.map(({ protocol, fromPort, toPort, kind, source }) => ({
    IpProtocol: protocol,
    ...(protocol === '-1' ? {} : { FromPort: fromPort, ToPort: toPort }),
    ...(kind === 'four' ? { IpRanges: [{ CidrIp: source, ...mark }] } : {}),
    ...(kind === 'six' ? { Ipv6Ranges: [{ CidrIpv6: source, ...mark }] } : {}),
    ...(kind === 'group' ? { UserIdGroupPairs: [{ GroupId: source, ...mark }] } : {}),
    ...(kind === 'prefixes' ? { PrefixListIds: [{ PrefixListId: source, ...mark }] } : {}),
  }));
}

/** As it is told: `-1` of EC2 is every protocol, and every port. */
export function toRule({ protocol, fromPort, toPort, source }: Opening): FirewallRule {
  return { protocol: protocol === '-1' ? 'all' : protocol, fromPort: Math.max(0, fromPort), toPort: toPort < 0 ? 65_535 : toPort, source };
}

function nameOf({ protocol, fromPort, toPort, kind, source }: Opening): string {
  return protocol === '-1' ? `${protocol} ${kind} ${source}` : `${protocol} ${fromPort} ${toPort} ${kind} ${source}`;
}
