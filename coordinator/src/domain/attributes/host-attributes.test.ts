import { readFileSync } from 'node:fs';
import { Facts } from '@wombat/proto/agent';
import { Unit } from '@wombat/proto/types';
import t from 'tap';
import { hostRow, providerRow } from '../../testing/rows.js';
import { attributeTable } from './attribute-table.js';
import { hostAttributes } from './host-attributes.js';
import { attributeReference } from './reference.js';

const stored = { revision: 1, createdAt: 0, updatedAt: 0 };
const facts = Facts.fromPartial({
  platform: { os: 'linux', arch: 'x64', libc: 'glibc' },
  cpuCores: 4,
  memoryBytes: 8n * 1024n ** 3n,
  disks: [{ mount: '/', sizeBytes: 10n }, { mount: '/data', sizeBytes: 30n }],
  erts: [{ version: '13.1.5', otpRelease: '25' }],
  attributes: [
    { key: 'label.rack', value: { kind: { $case: 'text', value: 'a' } } },
    { key: 'host.arch', value: { kind: { $case: 'text', value: 'forged' } } },
  ],
});

t.test('what is known of a host, by key and type', async (t) => {
  const host = { ...stored, ...hostRow(1), name: 'web', zone: 'a', attributes: { 'erlang.epmd-port': 14_369, 'erlang.epmd-addresses': ['127.0.0.2'], 'acme.price': 0.5 } };
  const attributes = hostAttributes({ host, provider: { ...stored, ...providerRow() }, facts });
  const valueOf = (key: string): unknown => attributes.find((each) => each.key === key)?.value?.kind;
  t.strictSame(attributes.map(({ key }) => key), [...new Set(attributes.map(({ key }) => key))].sort(), 'each key once, sorted');
  t.strictSame(valueOf('host.name'), { $case: 'text', value: 'web' });
  t.strictSame(valueOf('host.arch'), { $case: 'text', value: 'x64' }, 'a label cannot take the place of a reading');
  t.strictSame(valueOf('host.memory'), { $case: 'quantity', value: { amount: 8 * 1024 ** 3, unit: Unit.BYTES, currency: '' } });
  t.strictSame(valueOf('host.cores'), { $case: 'quantity', value: { amount: 4, unit: Unit.CORES, currency: '' } });
  t.strictSame(valueOf('host.disk'), { $case: 'quantity', value: { amount: 30, unit: Unit.BYTES, currency: '' } }, 'the largest disk');
  t.strictSame(valueOf('erlang.otp'), { $case: 'list', value: { values: [{ kind: { $case: 'text', value: '25' } }] } });
  t.strictSame(valueOf('erlang.epmd-port'), { $case: 'integer', value: 14_369n });
  t.strictSame(valueOf('acme.price'), { $case: 'decimal', value: 0.5 }, 'what a driver tells is kept under its own key');
  t.strictSame(valueOf('label.rack'), { $case: 'text', value: 'a' });
  t.equal(valueOf('host.region'), undefined, 'what is not known is left out');
});

t.test('a host that has not reported yet has what the coordinator knows', async (t) => {
  const keys = hostAttributes({ host: { ...stored, ...hostRow(1) }, provider: undefined, facts: undefined }).map(({ key }) => key);
  t.ok(keys.includes('host.name'));
  t.notOk(keys.includes('host.memory'));
  t.notOk(keys.includes('provider.name'));
});

t.test('the table: each key once, of the form that the contract allows', async (t) => {
  const keys = attributeTable.map(({ key }) => key);
  t.equal(new Set(keys).size, keys.length);
  for (const { key, type, unit } of attributeTable) {
    t.match(key, /^[a-z0-9_.-]{1,128}$/);
    t.equal(unit !== undefined, type === 'quantity', `${key}: a quantity has a unit, nothing else has`);
  }
});

t.test('the page of attributes is up to date', async (t) => {
  t.equal(readFileSync(new URL('../../../../docs/reference/attributes.md', import.meta.url), 'utf8'), attributeReference(), 'run: node scripts/docs/attributes.js');
});
