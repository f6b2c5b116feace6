import { ProviderError, type FirewallRule } from '@wombat/plugin-sdk';
import { canonicalNetwork } from './networks.js';
import type { NewRule, SecurityGroupRule } from './neutron.js';

const everywhere = { IPv4: '0.0.0.0/0', IPv6: '::/0' } as const;
const protocolNames: Readonly<Record<string, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp' };
const lastPort = 65_535;

export interface RuleChanges {
  readonly missing: readonly NewRule[];
  /** In the group, and not asked for. */
  readonly foreign: readonly SecurityGroupRule[];
}

/** What makes the incoming rules of a group those that are wanted. What goes out is left as it is. */
export function ruleChanges(wanted: readonly FirewallRule[], found: readonly SecurityGroupRule[]): RuleChanges {
  const rules = new Map(wanted.flatMap(toNewRules).map((rule) => [keyOfNew(rule), rule]));
  const incoming = found.filter(({ direction }) => direction === 'ingress');
  const present = new Set(incoming.map(keyOfFound));
  return {
    missing: [...rules].filter(([key]) => !present.has(key)).map(([, rule]) => rule),
    foreign: incoming.filter((rule) => !rules.has(keyOfFound(rule))),
  };
}

/** A rule that nobody had asked for, as near as its words come to it. */
export function toFirewallRule(rule: SecurityGroupRule): FirewallRule {
  const [fromPort, toPort] = portsOf(rule);
  return { protocol: protocolOf(rule), fromPort, toPort, source: sourceOf(rule) };
}

/** Neutron has a rule for each family of addresses. */
function toNewRules({ protocol, fromPort, toPort, source }: FirewallRule): NewRule[] {
  if (protocol !== 'tcp' && protocol !== 'udp') throw ProviderError.invalid('rules', `the protocol is tcp or udp, not ${JSON.stringify(protocol.slice(0, 20))}`);
  if (fromPort < 1 || toPort > lastPort || fromPort > toPort) throw ProviderError.invalid('rules', `${fromPort} to ${toPort} is no range of ports`);
  const ports = { protocol, port_range_min: fromPort, port_range_max: toPort };
  if (source === '') return [{ ethertype: 'IPv4', ...ports, remote_ip_prefix: null }, { ethertype: 'IPv6', ...ports, remote_ip_prefix: null }];
  const network = canonicalNetwork(source);
  if (network === undefined) throw ProviderError.invalid('rules', `${JSON.stringify(source.slice(0, 60))} is no network such as 10.0.0.0/8`);
  const ethertype = network.includes(':') ? 'IPv6' : 'IPv4';
  return [{ ethertype, ...ports, remote_ip_prefix: network === everywhere[ethertype] ? null : network }];
}

function keyOfNew({ ethertype, protocol, port_range_min, port_range_max, remote_ip_prefix }: NewRule): string {
  return [protocol, port_range_min, port_range_max, remote_ip_prefix ?? everywhere[ethertype]].join(' ');
}

function keyOfFound(rule: SecurityGroupRule): string {
  return [protocolOf(rule), ...portsOf(rule), sourceOf(rule)].join(' ');
}

function protocolOf({ protocol }: SecurityGroupRule): string {
  return protocol === null || protocol === undefined ? 'any' : (protocolNames[protocol] ?? protocol.toLowerCase());
}

/** No ports: all. For ICMP the two are type and code. */
function portsOf({ port_range_min, port_range_max }: SecurityGroupRule): [number, number] {
  return [port_range_min ?? 1, port_range_max ?? lastPort];
}

function sourceOf({ ethertype, remote_ip_prefix, remote_group_id, remote_address_group_id }: SecurityGroupRule): string {
  const group = remote_group_id ?? remote_address_group_id;
  if (group) return `group ${group}`;
  if (!remote_ip_prefix) return ethertype === 'IPv6' ? everywhere.IPv6 : everywhere.IPv4;
  return canonicalNetwork(remote_ip_prefix) ?? remote_ip_prefix;
}
