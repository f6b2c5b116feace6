import t, { type Test } from 'tap';
import { WombatError } from '@wombat/proto';
import type { Host } from '../domain/model/host.js';
import { ManualClock } from '../fleet/testing/manual-clock.js';
import type { Store } from '../store/store.js';
import { FakeFleet } from '../testing/fake-fleet.js';
import { LogBook } from '../testing/log-book.js';
import { hostRow, nodeRow, providerRow } from '../testing/rows.js';
import { change, openTestStore, put, row } from '../testing/test-store.js';
import { BoundedHistory } from './bounded-history.js';
import { HostController } from './host-controller.js';
import { HostSilence } from './host-silence.js';
import { failHost } from './move-host.js';

const enrolTimeoutMs = 300_000;
const family = 'fam-aaaaaaaaaaaa';
const booting = hostRow(1, { phase: 'booting', phaseSince: new ManualClock().now() });

class Setting {
  readonly clock = new ManualClock();
  readonly fleet = new FakeFleet();
  /** Handed to the machines. */
  readonly woken: string[] = [];
  controller!: HostController;

  private constructor(readonly store: Store, clock: ManualClock) {
    this.clock = clock;
    this.restart();
  }

  static async of(test: Test, host = booting): Promise<Setting> {
    const clock = new ManualClock();
    const store = await openTestStore(test, clock);
    await put(store, 'providers', providerRow());
    await put(store, 'hosts', host);
    await put(store, 'nodes', nodeRow(family, 1, { phase: 'pending', address: '', startId: '' }));
    return new Setting(store, clock);
  }

  restart(idleTtlMs = 0): void {
    const { store, clock, fleet } = this;
    const machines = { wake: (host: Host) => void this.woken.push(host.id) };
    this.controller = new HostController({
      store, clock, machines, enrolTimeoutMs, idleTtlMs, silence: new HostSilence({ store, clock, fleet, history: new BoundedHistory({ store, clock, log: new LogBook() }) }),
    });
  }

  look(): Promise<number | void> {
    return this.controller.reconcile(booting.id);
  }

  host(): Promise<Host> {
    return row(this.store, 'hosts', booting.id);
  }
}

for (const [phase, fields] of [['requested', {}], ['creating', {}], ['up', { machineId: '' }], ['booting', { desired: 'absent' }], ['destroying', { desired: 'absent' }]] as const) {
  void t.test(`a host that is ${phase} ${JSON.stringify(fields)} is handed to its provider's queue`, async (test) => {
    const setting = await Setting.of(test, hostRow(1, { ...fields, phase }));
    setting.fleet.connect(booting.id);
    await setting.look();
    test.same(setting.woken, [booting.id]);
  });
}

void t.test('an agent that never reports fails its host', async (test) => {
  const setting = await Setting.of(test);
  await setting.look();
  await setting.clock.advance(enrolTimeoutMs - 1);
  test.equal(await setting.look(), 1, 'not before the time is over');
  test.match(await setting.host(), { waiting: { reason: 'its agent has not reported yet; it is given up at 2026-01-01 00:21 UTC' } }, 'meanwhile it says what it waits for');
  test.same(setting.woken, [], 'its provider has nothing to do with it');
  await setting.clock.advance(1);
  await setting.look();
  test.match(await setting.host(), { phase: 'failed', lastError: { code: 'WO_HOST_NOT_ENROLLED' } });
  test.match(await setting.store.read.nodes.find({}), [{ phase: 'failed', lastError: { code: 'WO_HOST_NOT_ENROLLED' } }]);
});

void t.test('a host fails: its nodes fail, except those that nobody wanted to run', async (test) => {
  const setting = await Setting.of(test, hostRow(1, { phase: 'booting' }));
  const waits = { hostId: booting.id, phase: 'stopping', address: '', startId: '' } as const;
  await put(setting.store, 'nodes', nodeRow(family, 2, { ...waits, desired: 'stopped' }), nodeRow(family, 3, { ...waits, desired: 'absent' }));
  await setting.clock.advance(enrolTimeoutMs + 1);
  await setting.look();
  const nodes = await setting.store.read.nodes.find({});
  test.same(nodes.map(({ phase }) => phase).sort(), ['failed', 'gone', 'stopped'], 'operations that stop or remove them succeed');
});

void t.test('a machine that somebody sets up by hand is waited for as long as its token is good', async (test) => {
  const setting = await Setting.of(test, hostRow(1, { phase: 'booting', providerId: '', machineId: booting.id }));
  const now = setting.clock.now();
  const token = { id: 'tok-aaaaaaaaaaaa', name: 'tok-aaaaaaaaaaaa', generation: 1, observedGeneration: 1, hostId: booting.id, secretHash: 'x' };
  await put(setting.store, 'joinTokens', { ...token, expiresAt: now + 24 * 3_600_000 });
  await setting.clock.advance(enrolTimeoutMs + 1);
  await setting.look();
  test.match(await setting.host(), { phase: 'booting', waiting: { reason: 'no agent has used its join token yet, which is good until 2026-01-02 00:16 UTC' } });
  await change(setting.store, 'joinTokens', token.id, { usedAt: setting.clock.now() });
  await setting.look();
  test.match(await setting.host(), { phase: 'booting', waiting: { reason: 'its agent has not reported yet; it is given up at 2026-01-01 00:26 UTC' } });
  await change(setting.store, 'joinTokens', token.id, { revokedAt: setting.clock.now() });
  await setting.look();
  test.match(await setting.host(), { phase: 'failed', lastError: { code: 'WO_HOST_NOT_ENROLLED' } }, 'nobody can come any more');
});

for (const phase of ['up', 'draining', 'failed'] as const) {
  void t.test(`a host that is ${phase} goes when it has had no nodes for long, and not before`, async (test) => {
    const setting = await Setting.of(test, hostRow(1, { phase }));
    setting.restart(600_000);
    setting.fleet.connect(booting.id);
    await setting.clock.advance(700_000);
    await setting.look();
    test.match(await setting.host(), { desired: 'present' }, 'a node is on it');
    await change(setting.store, 'nodes', nodeRow(family, 1).id, { phase: 'gone', phaseSince: setting.clock.now() });
    test.equal(await setting.look(), 600_000, 'it may be needed again');
    await setting.clock.advance(600_001);
    await setting.look();
    test.match(await setting.host(), { desired: 'absent' });
    await setting.look();
    test.same(setting.woken, [booting.id], 'its provider takes it away');
  });
}

for (const phase of ['unknown', 'lost'] as const) {
  void t.test(`a drained host that is ${phase} goes after its time, another that is ${phase} stays`, async (test) => {
    for (const isDraining of [true, false]) {
      const setting = await Setting.of(test, hostRow(1, { phase, ...(isDraining ? { isDraining } : {}) }));
      setting.restart(600_000);
      await change(setting.store, 'nodes', nodeRow(family, 1).id, { phase: 'gone', phaseSince: setting.clock.now() });
      await setting.clock.advance(700_000);
      await setting.look();
      test.equal((await setting.host()).desired, isDraining ? 'absent' : 'present');
    }
  });
}

void t.test('a host that drains and has lost its session is silent', async (test) => {
  const setting = await Setting.of(test, hostRow(1, { phase: 'draining' }));
  setting.restart(1);
  await setting.clock.advance(60_000);
  await setting.look();
  test.match(await setting.host(), { phase: 'unknown', desired: 'present', isDraining: true });
});

void t.test('a host that is removed while its agent is given up on does not fail', async (test) => {
  const setting = await Setting.of(test, { ...booting, desired: 'absent' });
  const { store, clock } = setting;
  const error = new WombatError('WO_HOST_NOT_ENROLLED', 'nobody came');
  for (const phase of ['creating', 'booting', 'unknown', 'destroying', 'gone'] as const) {
    await change(store, 'hosts', booting.id, { phase });
    await store.transaction((transaction) => failHost(transaction, clock, booting.id, error));
    test.match(await setting.host(), { phase, lastError: undefined }, `one that is ${phase}`);
  }
  test.match(await store.read.nodes.find({}), [{ phase: 'pending' }], 'its nodes go with it');
});

void t.test('idle hosts stay when that is said, and so do those that somebody set up by hand', async (test) => {
  const setting = await Setting.of(test, hostRow(1));
  setting.fleet.connect(booting.id);
  await change(setting.store, 'nodes', nodeRow(family, 1).id, { phase: 'gone' });
  await setting.clock.advance(600_000_000);
  test.equal(await setting.look(), undefined, 'no time was given');
  setting.restart(1_000);
  await change(setting.store, 'hosts', booting.id, { providerId: '' });
  test.equal(await setting.look(), undefined, 'no provider could make another');
  test.match(await setting.host(), { phase: 'up', desired: 'present' });
});
