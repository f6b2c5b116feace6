import t from 'tap';
import { nearest } from '@wombat/proto';
import { UsageError } from '../usage-error.js';
import { parseDurationMs } from './duration.js';
import { formatFirewallRule, parseFirewallRule } from './firewall-rule.js';

t.test('durations', async (t) => {
  const cases: readonly (readonly [string, number])[] = [['500ms', 500], ['30s', 30_000], ['5m', 300_000], ['1h30m', 5_400_000], ['2d', 172_800_000], ['1.5s', 1500], ['45', 45_000]];
  for (const [text, ms] of cases) t.equal(parseDurationMs(text), ms, text);
  for (const text of ['', '0', '0s', '-5s', '5 m', '5mm', 'm', '1h-3m', 'NaN', '1e9d', '366d']) t.throws(() => parseDurationMs(text), UsageError, JSON.stringify(text));
});

t.test('firewall rules', async (t) => {
  t.same(parseFirewallRule('tcp:8096:8099'), { protocol: 'tcp', fromPort: 8096, toPort: 8099, source: '' });
  t.same(parseFirewallRule('udp:53'), { protocol: 'udp', fromPort: 53, toPort: 53, source: '' });
  t.same(parseFirewallRule('tcp:1:65535:10.0.0.0/8'), { protocol: 'tcp', fromPort: 1, toPort: 65535, source: '10.0.0.0/8' });
  t.same(parseFirewallRule('tcp:80:2001:db8::/32'), { protocol: 'tcp', fromPort: 80, toPort: 2001, source: 'db8::/32' }, 'the second number is a port, so a network wants both ports before it');
  t.same(parseFirewallRule('tcp:80:80:2001:db8::/32').source, '2001:db8::/32');
  for (const text of ['tcp', 'tcp:', 'icmp:1', 'tcp:0', 'tcp:65536', 'tcp:20:10', 'tcp:80:81:everywhere', 'tcp:80:81:10.0.0.0/33', 'TCP:80', 'tcp:80:81:', 'tcp:-1', 'tcp:80;rm']) {
    t.throws(() => parseFirewallRule(text), UsageError, text);
  }
  for (const text of ['tcp:8096:8099', 'udp:53', 'tcp:1:2:10.0.0.0/8']) t.equal(formatFirewallRule(parseFirewallRule(text)), text, `${text} is written as it is read`);
});

t.test('the nearest word', async (t) => {
  t.equal(nearest('lsit', ['list', 'show']), 'list', 'two letters swapped');
  t.equal(nearest('deploy-node', ['deploy-nodes', 'dev']), 'deploy-nodes');
  t.equal(nearest('zzz', ['list', 'show']), undefined, 'nothing is near');
  t.equal(nearest('x'.repeat(5000), ['list']), undefined, 'a long text costs nothing');
});
