import t, { type Test } from 'tap';
import { ProviderError } from '@wombat/plugin-sdk';
import { WombatError } from '@wombat/proto';
import type { Host } from '../domain/model/host.js';
import { ManualClock } from '../fleet/testing/manual-clock.js';
import type { Store } from '../store/store.js';
import { FakeFleet } from '../testing/fake-fleet.js';
import { FakeProviders } from '../testing/fake-providers.js';
import { LogBook } from '../testing/log-book.js';
import { hostRow, nodeRow, providerRow } from '../testing/rows.js';
import { change, eventsAfter, openTestStore, put, row } from '../testing/test-store.js';
import { BoundedHistory } from './bounded-history.js';
import { HostController } from './host-controller.js';
import { HostSilence } from './host-silence.js';

const enrolTimeoutMs = 300_000;
const family = 'fam-aaaaaaaaaaaa';
const requested = hostRow(1, { phase: 'requested', machineId: '', addresses: [], attempts: 0 });

class Setting {
  readonly clock = new ManualClock();
  readonly fleet = new FakeFleet();
  readonly providers = new FakeProviders();
  readonly revoked: string[] = [];
  controller!: HostController;

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
  restart(idleTtlMs = 0): void {
    const { store, clock, fleet, providers } = this;
    this.controller = new HostController({
      store, clock, fleet, providers, clusterId: 'cluster1', enrolTimeoutMs, idleTtlMs, silence: new HostSilence({ store, clock, fleet, history: new BoundedHistory({ store, clock, log: new LogBook() }) }),
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

void t.test('a host comes into being: asked once, by its key, with the tags of this cluster', async (test) => {
  const setting = await Setting.of(test);
  test.equal(await setting.look(), enrolTimeoutMs, 'its agent is waited for');
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

void t.test('the answer is lost with the coordinator: the next one asks with the same key', async (test) => {
  const setting = await Setting.of(test);
  const stop = new AbortController();
  setting.providers.creations.push({ afterwards: new Error('connection reset') });
  stop.abort(new WombatError('WO_UNAVAILABLE', 'the coordinator stops'));
  await test.rejects(setting.look(stop.signal), { code: 'WO_UNAVAILABLE' });
  test.match(await setting.host(), { phase: 'creating', machineId: '' }, 'the crash left it half done');
  setting.restart();
  await setting.look();
  test.same(setting.providers.asked.map((spec) => spec.key), [requested.key, requested.key]);
  test.equal(setting.providers.machines.size, 1, 'and no machine is doubled');
  test.match(await setting.host(), { phase: 'booting', machineId: 'machine-1' });
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

void t.test('an agent that never reports fails its host', async (test) => {
  const setting = await Setting.of(test);
  await setting.look();
  await setting.clock.advance(enrolTimeoutMs - 1);
  test.equal(await setting.look(), 1, 'not before the time is over');
  await setting.clock.advance(1);
  await setting.look();
  test.match(await setting.host(), { phase: 'failed', lastError: { code: 'WO_HOST_NOT_ENROLLED' } });
  test.match(await setting.store.read.nodes.find({}), [{ phase: 'failed', lastError: { code: 'WO_HOST_NOT_ENROLLED' } }]);
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
    let open = (): void => undefined;
    const lost = new Promise<void>((resolve) => (open = resolve)).then(() => {
      throw new Error('connection reset');
    });
    setting.providers.creations.push({ until: lost });
    const looking = setting.look();
    while (setting.providers.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await setting.agentConnects();
    open();
    await test.rejects(looking, { message: 'connection reset' }, 'tried again by the queue');
    test.match(await setting.host(), { phase: 'up', machineId: '' }, 'a host that is there is not taken back to the start');
    await setting.look();
    test.match(await setting.host(), { phase: 'up', machineId: 'machine-1' }, 'asking again tells what its nodes need to know');
  });
  await test.test('the coordinator died in between', async (test) => {
    const setting = await Setting.of(test, { ...requested, phase: 'creating', attempts: 1 });
    await setting.agentConnects();
    test.same(await setting.controller.all(), [requested.id], 'the sweep looks at it');
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

void t.test('a host fails: its nodes fail, except those that nobody wanted to run', async (test) => {
  const setting = await Setting.of(test, hostRow(1, { phase: 'booting' }));
  const waits = { hostId: requested.id, phase: 'stopping', address: '', startId: '' } as const;
  await put(setting.store, 'nodes', nodeRow(family, 2, { ...waits, desired: 'stopped' }), nodeRow(family, 3, { ...waits, desired: 'absent' }));
  await setting.clock.advance(enrolTimeoutMs + 1);
  await setting.look();
  const nodes = await setting.store.read.nodes.find({});
  test.same(nodes.map(({ phase }) => phase).sort(), ['failed', 'gone', 'stopped'], 'operations that stop or remove them succeed');
});

void t.test('a machine that somebody sets up by hand is waited for as long as its token is good', async (test) => {
  const setting = await Setting.of(test, hostRow(1, { phase: 'booting', providerId: '', machineId: requested.id }));
  const now = setting.clock.now();
  const token = { id: 'tok-aaaaaaaaaaaa', name: 'tok-aaaaaaaaaaaa', generation: 1, observedGeneration: 1, hostId: requested.id, secretHash: 'x' };
  await put(setting.store, 'joinTokens', { ...token, expiresAt: now + 24 * 3_600_000 });
  await setting.clock.advance(enrolTimeoutMs + 1);
  await setting.look();
  test.match(await setting.host(), { phase: 'booting' });
  await change(setting.store, 'joinTokens', token.id, { revokedAt: setting.clock.now() });
  await setting.look();
  test.match(await setting.host(), { phase: 'failed', lastError: { code: 'WO_HOST_NOT_ENROLLED' } }, 'nobody can come any more');
});

for (const phase of ['up', 'failed'] as const) {
  void t.test(`a host that is ${phase} goes when it has had no nodes for long, and not before`, async (test) => {
    const setting = await Setting.of(test, hostRow(1, { phase }));
    setting.restart(600_000);
    setting.fleet.connect(requested.id);
    await setting.clock.advance(700_000);
    await setting.look();
    test.match(await setting.host(), { desired: 'present' }, 'a node is on it');
    await change(setting.store, 'nodes', nodeRow(family, 1).id, { phase: 'gone', phaseSince: setting.clock.now() });
    test.equal(await setting.look(), 600_000, 'it may be needed again');
    await setting.clock.advance(600_001);
    await setting.look();
    test.match(await setting.host(), { desired: 'absent' });
    await setting.look();
    test.match(await setting.host(), { phase: 'gone' });
    test.match(setting.revoked, [requested.id]);
  });
}

void t.test('idle hosts stay when that is said, and so do those that somebody set up by hand', async (test) => {
  const setting = await Setting.of(test, hostRow(1));
  setting.fleet.connect(requested.id);
  await change(setting.store, 'nodes', nodeRow(family, 1).id, { phase: 'gone' });
  await setting.clock.advance(600_000_000);
  test.equal(await setting.look(), undefined, 'no time was given');
  setting.restart(1_000);
  await change(setting.store, 'hosts', requested.id, { providerId: '' });
  test.equal(await setting.look(), undefined, 'no provider could make another');
  test.match(await setting.host(), { phase: 'up', desired: 'present' });
});
