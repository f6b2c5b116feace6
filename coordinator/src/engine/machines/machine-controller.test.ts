import { WombatError } from '@wombat/proto';
import t, { type Test } from 'tap';
import { ProviderError } from '@wombat/plugin-sdk';
import type { Host } from '../../domain/model/host.js';
import type { Provider } from '../../domain/model/provider.js';
import { ManualClock, settle } from '../../fleet/testing/manual-clock.js';
import type { Store } from '../../store/store.js';
import { FakeFleet } from '../../testing/fake-fleet.js';
import { FakeProviders } from '../../testing/fake-providers.js';
import { hostRow, nodeRow, providerRow } from '../../testing/rows.js';
import { change, eventsAfter, openTestStore, put, row } from '../../testing/test-store.js';
import { MachineCalls } from './machine-calls.js';
import { MachineController } from './machine-controller.js';

const appearsWithinMs = 60_000;
const family = 'fam-aaaaaaaaaaaa';
const requested = hostRow(1, { phase: 'requested', machineId: '', addresses: [], attempts: 0 });

class Setting {
  readonly clock = new ManualClock();
  readonly fleet = new FakeFleet();
  readonly providers = new FakeProviders();
  readonly revoked: string[] = [];
  /** Families whose firewall was waited for. */
  readonly firewalls: string[] = [];
  firewallError: Error | undefined;
  controller!: MachineController;
  /** Between what the controller reads and what it writes, once. */
  calledOff: (() => Promise<unknown>) | undefined;

  private constructor(readonly store: Store, clock: ManualClock) {
    this.clock = clock;
    this.restart();
  }

  static async of(test: Test, host = requested): Promise<Setting> {
    const clock = new ManualClock();
    const store = await openTestStore(test, clock);
    await put(store, 'providers', providerRow());
    await put(store, 'hosts', host);
    await put(store, 'nodes', nodeRow(family, 1, { phase: 'pending', address: '', startId: '' }));
    return new Setting(store, clock);
  }

  /** Another process on the same store. */
  restart(): void {
    const { clock, fleet, providers } = this;
    const store: Store = { ...this.store, read: this.store.read, transaction: async (work) => {
      const calledOff = this.calledOff;
      this.calledOff = undefined;
      await calledOff?.();
      return this.store.transaction(work);
    } };
    const limits = { callsPerSecond: 1_000, callsAtOnce: 4, hostsPerCall: 10 };
    this.controller = new MachineController({
      store, clock, fleet, limits, appearsWithinMs, clusterId: 'cluster1', random: () => 1,
      calls: new MachineCalls({ clock, limits, connect: () => providers.get(providerRow() as Provider) }),
      firewallReady: async (_, familyId) => {
        this.firewalls.push(familyId);
        if (this.firewallError) throw this.firewallError;
      },
      revoker: { revoke: async (hostId) => void this.revoked.push(hostId) },
    });
  }

  look(signal = new AbortController().signal): Promise<number | void> {
    return this.controller.reconcile(requested.id, signal);
  }

  host(): Promise<Host> {
    return row(this.store, 'hosts', requested.id);
  }

  /** What AgentReports does when the agent opens its session. */
  async agentConnects(): Promise<void> {
    this.fleet.connect(requested.id);
    await change(this.store, 'hosts', requested.id, { phase: 'up' });
  }
}

void t.test('a machine in the firewall of a family is asked for once that stands, and later when it could not be set', async (test) => {
  const setting = await Setting.of(test, { ...requested, firewallFamilyId: family });
  setting.firewallError = new WombatError('WO_PROVIDER_UNAVAILABLE', 'no firewall today');
  await setting.look();
  test.same([setting.firewalls, setting.providers.asked], [[family], []], 'the provider was not asked for a machine');
  test.match(await setting.host(), { phase: 'requested', attempts: 1, waiting: { reason: /no firewall today/ } }, 'it says what it waits for');
  setting.firewallError = undefined;
  await setting.clock.advance(60_000);
  await setting.look();
  test.match(setting.providers.asked, [{ firewallGroup: family }]);
});

void t.test('a host comes into being: asked once, by its key, with the tags of this cluster', async (test) => {
  const setting = await Setting.of(test);
  await setting.look();
  test.match(setting.providers.asked, [{
    key: requested.key, hostId: requested.id, image: 'img', hardwareProfile: 'small',
    tags: { 'wombat-cluster': 'cluster1', 'wombat-host': requested.id, 'wombat-key': requested.key },
  }]);
  test.match(await setting.host(), { phase: 'booting', machineId: 'machine-1', addresses: ['127.9.9.1'] });
  test.same(await eventsAfter(setting.store), ['host.phase cloud-1 creating', 'host.phase cloud-1 booting'], 'each phase is told');
  await setting.look();
  test.equal(setting.providers.asked.length, 1, 'a machine that is there is not asked for again');
  await setting.agentConnects();
  test.equal(await setting.look(), undefined, 'a host that is up needs nothing');
});

void t.test('the intent is stored before the provider is asked', async (test) => {
  const setting = await Setting.of(test);
  let open = (): void => undefined;
  setting.providers.creations.push({ until: new Promise<void>((resolve) => (open = resolve)) });
  const looking = setting.look();
  while (setting.providers.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
  test.match(await setting.host(), { phase: 'creating', attempts: 1 }, 'a coordinator that dies now knows what it was about');
  open();
  await looking;
});

void t.test('the coordinator dies before the answer: the next one finds the machine by its key', async (test) => {
  const setting = await Setting.of(test);
  let open = (): void => undefined;
  setting.providers.creations.push({ until: new Promise<void>((resolve) => (open = resolve)) });
  const looking = setting.look();
  while (setting.providers.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const stopping = setting.controller.stop();
  await test.rejects(looking, { code: 'WO_UNAVAILABLE' });
  await stopping;
  open();
  test.match(await setting.host(), { phase: 'creating', machineId: '', attempts: 1 }, 'the crash left it half done');
  await settle();
  setting.restart();
  await setting.look();
  test.equal(setting.providers.asked.length, 1, 'it is not asked for again');
  test.match(await setting.host(), { phase: 'booting', machineId: 'machine-1' });
});

void t.test('a machine whose creation was not answered may appear late, and no second one is asked for meanwhile', async (test) => {
  await test.test('it appears', async (test) => {
    const setting = await Setting.of(test);
    setting.providers.listsAtOnce = false;
    setting.providers.creations.push({ afterwards: new Error('connection reset') });
    setting.providers.isVisible = () => false;
    test.equal(await setting.look(), 5_000);
    const host = await setting.host();
    test.match(host, { phase: 'creating', unansweredSince: setting.clock.now(), lastError: { message: /connection reset/ } });
    test.match(host.waiting, { reason: /its machine may still appear/, nextTryAt: setting.clock.now() + appearsWithinMs }, 'and says what it waits for');
    await setting.clock.advance(30_000);
    test.equal(await setting.look(), 5_000, 'it is looked for now and then');
    setting.providers.isVisible = () => true;
    await setting.look();
    test.match(await setting.host(), { phase: 'booting', machineId: 'machine-1' });
    test.notOk((await setting.host()).unansweredSince, 'nobody is in doubt any more');
    test.equal(setting.providers.asked.length, 1);
  });
  await test.test('it does not', async (test) => {
    const setting = await Setting.of(test);
    setting.providers.listsAtOnce = false;
    setting.providers.creations.push(ProviderError.unavailable('no answer'));
    await setting.look();
    await setting.clock.advance(appearsWithinMs - 1);
    test.equal(await setting.look(), 5_000);
    test.equal(setting.providers.asked.length, 1);
    await setting.clock.advance(1);
    const waitMs = Number(await setting.look());
    test.match(await setting.host(), { phase: 'requested' }, 'then there is none');
    await setting.clock.advance(waitMs);
    await setting.look();
    test.match(await setting.host(), { phase: 'booting', attempts: 2 });
  });
  await test.test('what is an answer, is: nothing was made', async (test) => {
    const setting = await Setting.of(test);
    setting.providers.listsAtOnce = false;
    setting.providers.creations.push(ProviderError.capacity('none free'));
    await setting.clock.advance(Number(await setting.look()));
    await setting.look();
    test.match(await setting.host(), { phase: 'booting', attempts: 2 });
  });
  await test.test('it is removed meanwhile', async (test) => {
    const setting = await Setting.of(test);
    setting.providers.listsAtOnce = false;
    setting.providers.creations.push({ afterwards: new Error('connection reset') });
    setting.providers.isVisible = () => false;
    await setting.look();
    await change(setting.store, 'hosts', requested.id, { desired: 'absent' });
    test.equal(await setting.look(), 5_000);
    test.match(await setting.host(), { phase: 'destroying', waiting: { reason: 'a machine that was asked for may still appear' } });
    setting.providers.isVisible = () => true;
    await setting.clock.advance(5_000);
    await setting.look();
    test.same(setting.providers.destroyed, ['machine-1'], 'no machine is left behind');
    test.match(await setting.host(), { phase: 'gone' });
  });
});

void t.test('to be told to wait is no attempt, and whom it is told waits', async (test) => {
  const setting = await Setting.of(test);
  setting.providers.creations = Array.from({ length: 8 }, () => ProviderError.throttled('slow down', 45_000));
  for (let times = 1; times <= 8; times += 1) {
    test.equal(await setting.look(), 45_000, `time ${times}`);
    await setting.clock.advance(45_000);
  }
  await setting.look();
  test.match(await setting.host(), { phase: 'booting', attempts: 1 });
});

void t.test('what throttles for ever ends', async (test) => {
  const setting = await Setting.of(test);
  setting.providers.creations = Array.from({ length: 100 }, () => ProviderError.throttled('slow down', 600_000));
  for (let times = 1; times <= 5; times += 1) await setting.clock.advance(Number(await setting.look()));
  test.match(await setting.host(), { phase: 'failed', lastError: { code: 'WO_PROVIDER_THROTTLED' } });
});

for (const [kind, code] of [['auth', 'WO_PROVIDER_AUTH'], ['quota', 'WO_PROVIDER_QUOTA']] as const) {
  void t.test(`${kind} is final at once`, async (test) => {
    const setting = await Setting.of(test);
    setting.providers.creations.push(ProviderError[kind]('refused'));
    await setting.look();
    test.match(await setting.host(), { phase: 'failed', attempts: 1, lastError: { code } });
  });
}

void t.test('half of a batch fails: each host has its own outcome, of one call', async (test) => {
  const setting = await Setting.of(test);
  const others = [2, 3, 4, 5, 6, 7, 8].map((number) => hostRow(number, { ...requested, id: hostRow(number).id, key: hostRow(number).key, name: `cloud-${number}` }));
  await put(setting.store, 'hosts', ...others);
  // Four calls are under way; what comes meanwhile goes into the next.
  let open = (): void => undefined;
  const until = new Promise<void>((resolve) => (open = resolve));
  setting.providers.creations = [{ until }, { until }, { until }, { until }, ProviderError.quota('no more than five'), 'ok', ProviderError.quota('no more than five'), 'ok'];
  const signal = new AbortController().signal;
  const looks = [requested, ...others].map(({ id }) => setting.controller.reconcile(id, signal));
  while (setting.providers.asked.length < 4) await new Promise((resolve) => setImmediate(resolve));
  await settle();
  test.equal(setting.providers.calls, 4, 'no more calls at once than allowed');
  open();
  await Promise.all(looks);
  test.equal(setting.providers.calls, 5, 'the other four are one call');
  const hosts = await setting.store.read.hosts.find({});
  test.same(hosts.map(({ phase }) => phase), ['booting', 'booting', 'booting', 'booting', 'failed', 'booting', 'failed', 'booting']);
  test.equal(setting.providers.machines.size, 6);
});

void t.test('what may pass is waited for, and said', async (test) => {
  const setting = await Setting.of(test);
  setting.providers.creations.push(ProviderError.capacity('no small machine is free'), ProviderError.throttled('slow down', 45_000));
  const waitMs = await setting.look();
  const host = await setting.host();
  test.match(host, { phase: 'requested', waiting: { reason: 'no small machine is free' }, lastError: { code: 'WO_PROVIDER_CAPACITY' } });
  test.equal(host.waiting?.nextTryAt, setting.clock.now() + Number(waitMs), 'when it is tried again is no secret');
  test.ok(Number(waitMs) >= 500 && Number(waitMs) <= 1_000, `the first pause is about a second: ${waitMs}`);
  await setting.look();
  test.equal(setting.providers.asked.length, 1, 'a wake-up before that does not ask');
  await setting.clock.advance(Number(waitMs));
  test.equal(await setting.look(), 45_000, 'a provider that names a time is obeyed');
  await setting.clock.advance(45_000);
  await setting.look();
  test.match(await setting.host(), { phase: 'booting' }, 'and then it went well');
  test.notOk((await setting.host()).waiting, 'what it waited for is over');
});

void t.test('what will never pass fails the host and its nodes, at once', async (test) => {
  const setting = await Setting.of(test);
  setting.providers.creations.push(ProviderError.invalid('image', 'there is no image img'));
  await setting.look();
  test.match(await setting.host(), { phase: 'failed', lastError: { code: 'WO_PROVIDER_INVALID', message: 'there is no image img' } });
  const [node] = await setting.store.read.nodes.find({});
  test.match(node, { phase: 'failed', lastError: { code: 'WO_PROVIDER_INVALID' } }, 'its nodes say why they do not come');
  test.notOk(node?.waiting, 'and wait for nothing');
  test.same(await eventsAfter(setting.store, 1), ['host.phase cloud-1 WO_PROVIDER_INVALID', 'node.phase web-1 WO_PROVIDER_INVALID']);
});

void t.test('five failures are enough', async (test) => {
  const setting = await Setting.of(test);
  setting.providers.creations = Array.from({ length: 9 }, () => ProviderError.unavailable('no answer'));
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    test.equal((await setting.host()).phase, 'requested', `before attempt ${attempt}`);
    await setting.clock.advance(Number(await setting.look()));
  }
  test.match(await setting.host(), { phase: 'failed', attempts: 5, lastError: { code: 'WO_PROVIDER_UNAVAILABLE' } });
});

void t.test('an agent that is quicker than the provider\'s answer', async (test) => {
  await test.test('the answer comes', async (test) => {
    const setting = await Setting.of(test);
    let open = (): void => undefined;
    setting.providers.creations.push({ until: new Promise<void>((resolve) => (open = resolve)) });
    const looking = setting.look();
    while (setting.providers.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await setting.agentConnects();
    open();
    await looking;
    test.match(await setting.host(), { phase: 'up', machineId: 'machine-1' }, 'it stays up, and the machine is known');
  });
  await test.test('the answer is lost', async (test) => {
    const setting = await Setting.of(test);
    setting.providers.creations.push({ afterwards: new Error('connection reset') });
    await setting.look();
    await setting.agentConnects();
    test.match(await setting.host(), { phase: 'up', machineId: '' }, 'a host that is there is not taken back to the start');
    await setting.look();
    test.match(await setting.host(), { phase: 'up', machineId: 'machine-1' }, 'the list tells what its nodes need to know');
  });
  await test.test('the coordinator died in between', async (test) => {
    const setting = await Setting.of(test, { ...requested, phase: 'up', attempts: 1 });
    setting.providers.makeFor(requested.key, requested.id);
    await setting.look();
    test.match(await setting.host(), { phase: 'up', machineId: 'machine-1' });
  });
});

void t.test('a host is removed: certificate, session, machine, then the row is history', async (test) => {
  const setting = await Setting.of(test);
  await setting.look();
  await setting.agentConnects();
  await change(setting.store, 'hosts', requested.id, { desired: 'absent' });
  const before = await setting.store.read.events.lastSequence();
  await setting.look();
  test.same(setting.revoked, [requested.id], 'its certificate is worth nothing any more');
  test.match(setting.fleet.disconnected, [{ hostId: requested.id }], 'its session is cut');
  test.same(setting.providers.destroyed, ['machine-1']);
  test.equal((await setting.host()).phase, 'gone');
  test.match(await setting.store.read.nodes.find({}), [{ phase: 'gone', desired: 'absent' }], 'what was on it went with it');
  test.same(await eventsAfter(setting.store, before), ['host.phase cloud-1 destroying', 'host.phase cloud-1 gone', 'node.phase web-1 gone']);
});

void t.test('a removal that is called off before its provider is asked destroys nothing', async (test) => {
  const setting = await Setting.of(test);
  await setting.look();
  await setting.agentConnects();
  await change(setting.store, 'hosts', requested.id, { desired: 'absent' });
  setting.calledOff = () => change(setting.store, 'hosts', requested.id, { desired: 'present' });
  setting.restart();
  await setting.look();
  test.match(await setting.host(), { phase: 'up', desired: 'present' });
  test.same([setting.revoked, setting.fleet.disconnected, setting.providers.destroyed], [[], [], []], 'nobody was told anything');
});

void t.test('a host that is removed while its provider refuses it goes, and does not fail', async (test) => {
  const setting = await Setting.of(test);
  let open = (): void => undefined;
  setting.providers.creations.push({ until: new Promise<void>((resolve) => (open = resolve)), refusal: ProviderError.quota('no more') });
  const looking = setting.look();
  while (setting.providers.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await change(setting.store, 'hosts', requested.id, { desired: 'absent' });
  open();
  await looking;
  await setting.look();
  test.equal((await setting.host()).phase, 'gone', 'at once: the provider has said that there is none');
  test.notOk((await eventsAfter(setting.store)).some((event) => event.includes('WO_PROVIDER_QUOTA')), 'and no failure is told of what nobody wants');
});

void t.test('a machine whose creation was never answered is found by its key and destroyed', async (test) => {
  const setting = await Setting.of(test);
  setting.providers.creations.push({ afterwards: new Error('connection reset') });
  await setting.look();
  test.equal((await setting.host()).machineId, '', 'nobody knows of the machine');
  await change(setting.store, 'hosts', requested.id, { desired: 'absent' });
  await setting.look();
  test.same(setting.providers.destroyed, ['machine-1'], 'it was listed');
  test.equal((await setting.host()).phase, 'gone');
});

void t.test('a provider that does not destroy is asked again, and the host says so', async (test) => {
  const setting = await Setting.of(test);
  await setting.look();
  await change(setting.store, 'hosts', requested.id, { desired: 'absent' });
  setting.providers.destroyError = ProviderError.unavailable('no answer');
  const waitMs = Number(await setting.look());
  test.match(await setting.host(), { phase: 'destroying', waiting: { reason: 'no answer' }, lastError: { code: 'WO_PROVIDER_UNAVAILABLE' } });
  test.equal(await setting.look(), waitMs, 'not before its time');
  setting.providers.destroyError = undefined;
  await setting.clock.advance(waitMs);
  await setting.look();
  test.equal((await setting.host()).phase, 'gone');
});

void t.test('a host that somebody set up by hand can be removed too', async (test) => {
  const setting = await Setting.of(test, { ...requested, phase: 'up', providerId: '', machineId: requested.id, desired: 'absent' });
  await setting.look();
  test.equal((await setting.host()).phase, 'gone', 'no provider is needed for it');
  test.same(setting.revoked, [requested.id], 'its agent is shut out');
});
