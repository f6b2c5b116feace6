import { Facts } from '@wombat/proto/agent';
import t from 'tap';
import { domainRow, familyRow, hostRow, nodeRow, providerRow, releaseRow } from '../../testing/rows.js';
import { targetAttribute, type TargetSource } from '../attributes/target-attributes.js';
import { evaluator } from './evaluate.js';
import { parseExpression } from './parse.js';
import { targetVocabulary } from './target-vocabulary.js';

const stored = { revision: 1, createdAt: 0, updatedAt: 0 };
const family = { ...stored, ...familyRow({ name: 'riak', generation: 3 }) };
const source: TargetSource = {
  node: { ...stored, ...nodeRow(family.id, 7, { name: 'riak-7', familyGeneration: 2 }) },
  family,
  release: { ...stored, ...releaseRow({ name: 'Riak', version: '2.10.1' }) },
  domain: { ...stored, ...domainRow(family.id, { labels: { tier: 'gold' } }) },
  provider: { ...stored, ...providerRow({ name: 'My EC2' }) },
  host: { ...stored, ...hostRow(1), name: 'web', zone: 'eu-1', attributes: { 'acme.price': 0.5 } },
  facts: Facts.fromPartial({
    cpuCores: 4, memoryBytes: 8n * 1024n ** 3n, erts: [{ version: '13', otpRelease: '25' }, { version: '14', otpRelease: '26' }],
    attributes: [{ key: 'label.rack', value: { kind: { $case: 'text', value: 'r10' } } }, { key: 'label.slot', value: { kind: { $case: 'integer', value: 3n } } }, { key: 'host.virtual', value: { kind: { $case: 'flag', value: true } } }],
  }),
};
const isSo = (text: string): boolean => evaluator(parseExpression(text, targetVocabulary))((key) => targetAttribute(source, key));

const so = [
  'all', 'family = riak', `family = ${family.id}`, 'release = Riak', 'release = Riak@2.10.1', 'release.version > 2.9', 'release.version = 2.10.1', 'not release.version = 2.10',
  'host.memory >= 8GiB', 'host.memory = 8192MiB', 'host.memory < 9GB', 'host.cores > 3.5', 'zone = eu-1', 'zone ~ "eu-*"', 'zone ~ eu-?', 'host.zone !~ us-*',
  'erlang.otp = 25', 'erlang.otp = 26', 'erlang.otp in (24, 26)', 'erlang.otp ~ 2*', 'provider = "My EC2"', 'domain.label.tier = gold', 'acme.price <= 0.5', 'label.slot = 3',
  'label.rack > r9', 'host.virtual = true', 'host.virtual != false', 'node.outdated = true', 'node.ordinal in (1, 7)', 'node.phase = running', 'host.name matches /^w/', 'node matches /[0-9]$/',
  'has zone', 'not has region', 'region != a', 'region !~ a*', 'not region = a', 'not region < b', 'family = riak and (zone = a or zone = eu-1)', 'host = web and node = riak-7',
];
const notSo = [
  'not all', 'family = Riak', 'region = a', 'region < b', 'region > a', 'has region', 'region matches /.*/', 'host.memory > 8GiB', 'zone ~ eu', 'zone ~ "*U-1"', 'erlang.otp = 27', 'erlang.otp != 25',
  'label.slot = "3"', 'label.slot = three', 'label.slot > a', 'host.virtual = false', 'zone in (a, b)', 'family = riak and zone = a', 'zone matches /^1/', 'domain.label.none = gold', 'acme.price ~ 5',
];

void t.test('what holds of a node', (t) => {
  for (const text of so) t.ok(isSo(text), text);
  t.end();
});

void t.test('what does not', (t) => {
  for (const text of notSo) t.notOk(isSo(text), text);
  t.end();
});

void t.test('a pattern takes no longer than the text is long', (t) => {
  const long = { ...source, host: { ...source.host, name: 'a'.repeat(5_000) } };
  const ask = (text: string): boolean => evaluator(parseExpression(text, targetVocabulary))((key) => targetAttribute(long, key));
  t.notOk(ask('host.name matches /^(a+)+$b/'), 'RE2 does not go back');
  t.notOk(ask('host.name ~ *a*a*a*a*a*a*a*a*b'));
  t.end();
});
