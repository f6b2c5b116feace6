import { isIP } from 'node:net';
import { UsageError } from '../usage-error.js';

/** Same fields as wombat.plugin.v1.FirewallRule. */
export interface FirewallRule {
  readonly protocol: string;
  readonly fromPort: number;
  readonly toPort: number;
  readonly source: string;
}

/** `tcp:8096`, `tcp:8096:8099` or `udp:53:53:10.0.0.0/8`; the source may be an IPv6 network, so it is what is left. */
export function parseFirewallRule(text: string): FirewallRule {
  const match = /^(tcp|udp):(\d{1,5})(?::(\d{1,5}))?(?::(.+))?$/.exec(text);
  if (!match) throw refuse(text, 'want PROTOCOL:FROM[:TO[:CIDR]], as in tcp:8096:8099');
  const [, protocol, from, to = from, source = ''] = match;
  const fromPort = Number(from);
  const toPort = Number(to);
  if (fromPort < 1 || toPort > 65_535) throw refuse(text, 'ports go from 1 to 65535');
  if (fromPort > toPort) throw refuse(text, `the range ends (${toPort}) before it begins (${fromPort})`);
  if (source !== '' && !isNetwork(source)) throw refuse(text, `${source} is no network such as 10.0.0.0/8`);
  return { protocol: protocol!, fromPort, toPort, source };
}

/** The same rule as people write it. */
export function formatFirewallRule(rule: FirewallRule): string {
  const ports = rule.fromPort === rule.toPort ? `${rule.fromPort}` : `${rule.fromPort}:${rule.toPort}`;
  return rule.source ? `${rule.protocol}:${rule.fromPort}:${rule.toPort}:${rule.source}` : `${rule.protocol}:${ports}`;
}

function isNetwork(text: string): boolean {
  const match = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(text);
  const version = match ? isIP(match[1]!) : 0;
  return version !== 0 && Number(match![2]) <= (version === 4 ? 32 : 128);
}

function refuse(text: string, why: string): UsageError {
  return new UsageError(`firewall rule ${JSON.stringify(text)}: ${why}`);
}
