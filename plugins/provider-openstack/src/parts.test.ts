import { FailureKind, MachineState, ProviderError } from '@wombat/plugin-sdk';
import t from 'tap';
import { ruleChanges, toFirewallRule } from './firewall-rules.js';
import { failureOf, failureOfFault } from './failures.js';
import { novaTag, stateOf, toMachine } from './machines.js';
import { microversionOf } from './microversion.js';
import { canonicalNetwork } from './networks.js';
import type { SecurityGroupRule } from './neutron.js';
import type { Server } from './nova.js';
import { allPages } from './pages.js';
import { ServiceCatalog, versioned } from './service-catalog.js';

const server: Server = { id: '6c0d0d0f-4a57-4bb4-a7c8-6b3c51cd7a7e', status: 'ACTIVE', metadata: {}, addresses: {} };

t.test('the oldest version of Nova that both speak is spoken', async (t) => {
  t.equal(microversionOf('2.1', '2.93'), '2.52');
  t.equal(microversionOf('2.60', '2.120'), '2.60');
  t.throws(() => microversionOf('2.1', '2.51'), /nova speaks versions 2.1 to 2.51/);
  t.throws(() => microversionOf('2.97', '2.120'), /this driver 2.52 to 2.96/);
  t.throws(() => microversionOf('', 'latest'), /does not say/);
});

t.test('tags fit into those of Nova, and stay different', async (t) => {
  t.equal(novaTag('wombat-key', 'host-abc'), 'wombat-key=host-abc');
  const [first, second] = ['a', 'b'].map((end) => novaTag('wombat-key', `${'k'.repeat(59)}${end}`));
  t.equal(first!.length, 60);
  t.not(first, second, 'what is cut off is in the hash');
  t.notMatch(first, /[,/]/, 'Nova takes neither');
});

t.test('states of servers', async (t) => {
  const known = { BUILD: 'CREATING', ACTIVE: 'RUNNING', REBOOT: 'RUNNING', SHUTOFF: 'STOPPED', PAUSED: 'STOPPED', SOFT_DELETED: 'DESTROYING', ERROR: 'FAILED', NEW_ONE: 'UNSPECIFIED' } as const;
  for (const [status, state] of Object.entries(known)) t.equal(stateOf({ ...server, status }), MachineState[state], status);
  t.equal(stateOf({ ...server, 'OS-EXT-STS:task_state': 'deleting' }), MachineState.DESTROYING, 'a deletion keeps the status');
});

t.test('addresses: those of networks first, IPv4 before IPv6; tags: Wombat\'s own', async (t) => {
  const made = toMachine({
    ...server, created: '2026-01-02T03:04:05Z', metadata: { 'wombat-key': 'k', 'wombat-host': 'h', 'owner': 'me' },
    addresses: {
      one: [{ 'addr': '192.0.2.7', 'OS-EXT-IPS:type': 'floating' }, { 'addr': '2001:db8::7', 'OS-EXT-IPS:type': 'fixed' }, { 'addr': '10.0.0.7', 'OS-EXT-IPS:type': 'fixed' }],
      two: [{ addr: '10.0.0.7' }],
    },
  });
  t.strictSame(made.addresses, ['10.0.0.7', '2001:db8::7', '192.0.2.7']);
  t.match(made, { key: 'k', hostId: 'h', tags: { 'wombat-key': 'k', 'wombat-host': 'h' }, createdAt: new Date('2026-01-02T03:04:05Z') });
  t.notOk('owner' in made.tags);
});

t.test('what a status and a text mean', async (t) => {
  const meant: readonly [number, string, FailureKind][] = [
    [403, '{"forbidden": {"message": "Quota exceeded for cores: Requested 8, but already used 0 of 4 cores"}}', FailureKind.QUOTA],
    [403, '{"forbidden": {"message": "Maximum number of ports exceeded"}}', FailureKind.QUOTA],
    [409, '{"NeutronError": {"type": "OverQuota", "message": "Quota exceeded for resources: [\'security_group\']", "detail": ""}}', FailureKind.QUOTA],
    [409, '{"conflictingRequest": {"message": "it is locked"}}', FailureKind.UNAVAILABLE],
    [409, '{"conflictingRequest": {"message": "Multiple possible networks found"}}', FailureKind.INVALID],
    [413, '{"overLimit": {"message": "slow down", "retryAfter": "3"}}', FailureKind.THROTTLED],
    [404, '{"itemNotFound": {"message": "gone"}}', FailureKind.NOT_FOUND],
    [404, '<html>Not Found</html>', FailureKind.NOT_FOUND],
    [400, '{"message": "bad<br /><br />value"}', FailureKind.INVALID],
    [500, '', FailureKind.UNAVAILABLE],
  ];
  for (const [status, text, kind] of meant) t.equal(failureOf({ status, text, headers: new Headers() }, { service: 'nova', secrets: [] }).kind, kind, `${status} ${text}`);
  t.equal(failureOf({ status: 413, text: meant[5]![1], headers: new Headers() }, { service: 'nova', secrets: [] }).retryAfterMs, 3_000);
  t.equal(failureOf({ status: 400, text: `{"message": "${'x'.repeat(290)} secret"}`, headers: new Headers() }, { service: 'glance', secrets: ['secret', ''] }).message.slice(-3), '***', 'hidden before it is cut');
  t.equal(failureOf({ status: 400, text: meant[8]![1], headers: new Headers() }, { service: 'glance', secrets: [] }).message, 'glance: bad value');
});

t.test('why a server ended in ERROR', async (t) => {
  t.match(failureOfFault('No valid host was found. There are not enough hosts available.', []), { kind: FailureKind.CAPACITY, mayRetry: true });
  t.match(failureOfFault('Exceeded maximum number of retries.', []), { kind: FailureKind.CAPACITY });
  t.match(failureOfFault('Quota exceeded for instances', []), { kind: FailureKind.QUOTA });
  t.match(failureOfFault('', []), { kind: FailureKind.UNAVAILABLE, message: /does not say why/ });
});

t.test('networks that mean the same are the same text', async (t) => {
  const same: Readonly<Record<string, string | undefined>> = {
    '10.1.2.3/8': '10.0.0.0/8', '192.0.2.1': '192.0.2.1/32', '0.0.0.0/0': '0.0.0.0/0', '255.255.255.255/31': '255.255.255.254/31',
    '2001:DB8:0:0:0:0:0:1/32': '2001:db8::/32', '::/0': '::/0', '::1': '::1/128', 'fe80::ffff:1/127': 'fe80::ffff:0/127', '::ffff:10.0.0.1/128': '::ffff:a00:1/128',
    '10.0.0.0/33': undefined, '10.0.0/8': undefined, '10.0.0.0/8/8': undefined, '10.0.0.0/': undefined, 'fe80::1%eth0/64': undefined, 'here': undefined,
  };
  for (const [given, wanted] of Object.entries(same)) t.equal(canonicalNetwork(given), wanted, given);
});

t.test('rules that are there already are left alone, however they are written', async (t) => {
  const found = (rule: Partial<SecurityGroupRule>): SecurityGroupRule => ({ id: server.id, direction: 'ingress', ethertype: 'IPv4', ...rule });
  const wanted = [{ protocol: 'tcp', fromPort: 1, toPort: 65_535, source: '0.0.0.0/0' }, { protocol: 'udp', fromPort: 53, toPort: 53, source: '2001:db8::1/32' }];
  const equal = [found({ protocol: '6' }), found({ ethertype: 'IPv6', protocol: 'UDP', port_range_min: 53, port_range_max: 53, remote_ip_prefix: '2001:DB8::/32' })];
  t.strictSame(ruleChanges(wanted, [...equal, found({ direction: 'egress' })]), { missing: [], foreign: [] });
  t.strictSame(ruleChanges([wanted[0]!, wanted[0]!], []).missing, [{ ethertype: 'IPv4', protocol: 'tcp', port_range_min: 1, port_range_max: 65_535, remote_ip_prefix: null }], 'asked for twice, made once');
  t.strictSame(toFirewallRule(found({ protocol: 'icmp', ethertype: 'IPv6' })), { protocol: 'icmp', fromPort: 1, toPort: 65_535, source: '::/0' });
  for (const wrong of [{ protocol: 'icmp' }, { fromPort: 0 }, { toPort: 65_536 }, { fromPort: 5, toPort: 4 }, { source: 'x' }]) {
    t.throws(() => ruleChanges([{ ...wanted[0]!, ...wrong }], []), { field: 'rules' } as unknown as Error, JSON.stringify(wrong));
  }
});

t.test('lists are read to their end, and not for ever', async (t) => {
  const pages: Record<string, string[]> = { '': ['a', 'b'], 'b': ['c'] };
  const read = async (marker = ''): Promise<{ items: { id: string }[]; hasMore: boolean }> => ({ items: (pages[marker] ?? []).map((id) => ({ id })), hasMore: marker === '' });
  t.strictSame((await allPages(read)).map(({ id }) => id), ['a', 'b', 'c']);
  await t.rejects(allPages(async () => ({ items: [{ id: 'a' }], hasMore: true })), /more than 200 pages/);
});

t.test('endpoints by region and interface', async (t) => {
  const endpoint = (region: string, kind: string): { interface: string; region: string; url: string } => ({ interface: kind, region, url: `https://${region}.example.org/${kind}/` });
  const catalog = [{ type: 'compute', endpoints: ['region-one', 'region-two'].flatMap((region) => [endpoint(region, 'public'), endpoint(region, 'internal')]) }];
  t.equal(new ServiceCatalog(catalog, 'internal', 'region-two').endpoint('compute', 'v2.1').href, 'https://region-two.example.org/internal/v2.1');
  t.throws(() => new ServiceCatalog(catalog, 'public', undefined), { field: 'region', message: /there are region-one, region-two/ } as unknown as Error);
  t.throws(() => new ServiceCatalog(catalog, 'public', 'region-tow'), /did you mean region-two/);
  t.throws(() => new ServiceCatalog([], 'public', undefined), { kind: FailureKind.AUTH } as unknown as Error);
  t.throws(() => new ServiceCatalog(catalog, 'public', 'region-one').endpoint('image', 'v2'), { field: 'interface' } as unknown as Error);
  t.equal(versioned('http://x:8774/v2.1/0123abc/', 'v2.1').href, 'http://x:8774/v2.1/0123abc');
  t.equal(versioned('http://x/image', 'v2').href, 'http://x/image/v2');
  t.throws(() => versioned('file:///etc/passwd', 'v2'), ProviderError);
});
