import t, { type Test } from 'tap';
import { ProviderError } from '@wombat/plugin-sdk';
import type { FirewallRule } from '../../domain/model/family.js';
import { ManualClock } from '../../fleet/testing/manual-clock.js';
import { FakeProviders } from '../../testing/fake-providers.js';
import { domainRow, familyRow, hostRow, providerRow } from '../../testing/rows.js';
import { change, openTestStore, put } from '../../testing/test-store.js';
import { MachineCalls } from '../machines/machine-calls.js';
import { FirewallController } from './firewall-controller.js';

const compareEveryMs = 300_000;
const rule: FirewallRule = { protocol: 'tcp', fromPort: 8096, toPort: 8099, source: '' };
const family = familyRow({}, { firewall: [rule] });
const [provider, plain] = [providerRow({ driver: 'walled' }), providerRow({ id: 'prv-plainplainpl', name: 'plain', driver: 'plain' })];
const pair = `${provider.id} ${family.id}`;
const signal = new AbortController().signal;

async function setting(test: Test) {
  const [clock, providers] = [new ManualClock(), new FakeProviders()];
  const store = await openTestStore(test, clock);
  await put(store, 'providers', provider, plain);
  await put(store, 'families', family);
  const calls = new MachineCalls({ clock, connect: () => providers.get(provider as never), limits: { callsPerSecond: 1_000, callsAtOnce: 4, hostsPerCall: 10 } });
  const controller = new FirewallController({ store, clock, machines: { callsOf: () => calls }, enforcesFirewall: (driver) => driver === 'walled', compareEveryMs });
  const events = async () => (await store.read.events.list({ afterSequence: 0, limit: 100 })).map(({ type, message }) => `${type}: ${message}`);
  return { store, clock, providers, controller, events, look: () => controller.reconcile(pair, signal) };
}

void t.test('rules go to each provider of the family that enforces them, once, and again when they change', async (test) => {
  const { store, providers, controller, look } = await setting(test);
  test.same(await controller.all(), [], 'a family without domains has no firewall anywhere');
  await put(store, 'domains', domainRow(family.id, { providerId: provider.id }), domainRow(family.id, { id: 'dom-plainplainpl', name: 'p', providerId: plain.id }));
  test.same(await controller.all(), [pair], 'one at the provider that enforces');
  test.equal(await look(), compareEveryMs);
  test.same(providers.firewalls.get(family.id), [rule]);
  await look();
  test.equal(providers.firewallCalls.length, 1, 'nothing has changed: no call');
  await change(store, 'families', family.id, { spec: { ...family.spec, firewall: [] } });
  await look();
  test.same(providers.firewalls.get(family.id), [], 'no rules any more');
});

void t.test('now and then it is compared, and what somebody else has let in is told', async (test) => {
  const { store, clock, providers, look, events } = await setting(test);
  await put(store, 'domains', domainRow(family.id, { providerId: provider.id }));
  await look();
  await clock.advance(compareEveryMs);
  providers.drift.push({ ...rule, fromPort: 22, toPort: 22, source: '10.0.0.0/8' });
  await look();
  test.equal(providers.firewallCalls.length, 2);
  test.match((await events()).at(-1), /^firewall\.drift: the firewall of .* at .* let in what no rule says, and does no more: tcp:22:22 from 10\.0\.0\.0\/8$/);
});

void t.test('a provider that fails is asked again, and told of once', async (test) => {
  const { store, providers, look, events } = await setting(test);
  await put(store, 'domains', domainRow(family.id, { providerId: provider.id }));
  providers.firewallError = ProviderError.unavailable('no such luck');
  await test.rejects(look(), /no such luck/);
  await test.rejects(look(), /no such luck/);
  test.equal((await events()).filter((text) => text.startsWith('firewall.failed')).length, 1);
  providers.firewallError = undefined;
  await look();
  test.same(providers.firewalls.get(family.id), [rule]);
});

void t.test('who waits for a firewall has it set, once', async (test) => {
  const { store, providers, controller } = await setting(test);
  await put(store, 'domains', domainRow(family.id, { providerId: provider.id }));
  providers.firewallError = ProviderError.unavailable('no such luck');
  await test.rejects(controller.ready(provider.id, family.id, signal), /no such luck/, 'no machine without it');
  providers.firewallError = undefined;
  await controller.ready(provider.id, family.id, signal);
  await controller.ready(provider.id, family.id, signal);
  test.equal(providers.firewallCalls.length, 1);
});

void t.test('machines keep the rules until the last is gone; then the group is closed, also by a coordinator that has just started, and forgotten', async (test) => {
  const { store, clock, providers, controller, look } = await setting(test);
  const host = hostRow(1, { providerId: provider.id, firewallFamilyId: family.id });
  await put(store, 'hosts', host);
  await look();
  test.same(providers.firewalls.get(family.id), [rule], 'its domain is gone, its machine is not');
  await store.transaction(async (transaction) => {
    await transaction.families.delete(family.id);
    await transaction.hosts.update({ ...(await transaction.hosts.get(host.id))!, phase: 'gone', phaseSince: clock.now(), desired: 'absent' });
  });
  test.same(await controller.all(), [pair], 'the row of the host that is gone tells of it');
  test.equal(await look(), compareEveryMs);
  test.same(providers.firewalls.get(family.id), [], 'closed, and the driver may remove it');
  await clock.advance(compareEveryMs);
  await look();
  test.equal(providers.firewallCalls.length, 3, 'tried again: its machine may not have ended there');
  await clock.advance(60 * 60_000);
  test.equal(await look(), undefined, 'after an hour it is let go');
  test.same([providers.firewallCalls.length, await controller.all()], [3, []], 'and asked for no more');
});

void t.test('a family that leaves a provider without ever having had a machine there closes its group once', async (test) => {
  const { store, providers, controller, look } = await setting(test);
  const domain = domainRow(family.id, { providerId: provider.id });
  await put(store, 'domains', domain);
  await look();
  await store.transaction(async (transaction) => void (await transaction.domains.delete(domain.id)));
  test.same(await controller.of(family.id), [pair], 'it is still known');
  await look();
  test.same(providers.firewalls.get(family.id), []);
  test.equal(await look(), undefined);
  test.same([providers.firewallCalls.length, await controller.of(family.id)], [2, []], 'not again');
});
