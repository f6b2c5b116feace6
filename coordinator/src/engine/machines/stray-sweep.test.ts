import t, { type Test } from 'tap';
import { MachineState, type Machine } from '@wombat/proto/plugin';
import { ProviderError } from '@wombat/plugin-sdk';
import type { Provider } from '../../domain/model/provider.js';
import type { Stray } from '../../domain/model/stray.js';
import { ManualClock, settle } from '../../fleet/testing/manual-clock.js';
import type { Store } from '../../store/store.js';
import { CountingIds } from '../../testing/counting-ids.js';
import { FakeFleet } from '../../testing/fake-fleet.js';
import { FakeProviders } from '../../testing/fake-providers.js';
import { LogBook } from '../../testing/log-book.js';
import { hostRow, nodeRow, providerRow } from '../../testing/rows.js';
import { change, eventsAfter, openTestStore, put, row } from '../../testing/test-store.js';
import type { ProviderCalls } from '../ports.js';
import { MachineCalls } from './machine-calls.js';
import { StraySweep } from './stray-sweep.js';

const appearsWithinMs = 60_000;
const minuteMs = 60_000;
const host = hostRow(1, { phase: 'unknown' });

class Setting {
  readonly fleet = new FakeFleet();
  readonly providers = new FakeProviders();
  readonly log = new LogBook();
  /** Between the list and what is made of it. */
  afterList: () => Promise<void> = async () => undefined;
  /** Between what was found and its removal. */
  afterRecord: () => Promise<void> = async () => undefined;
  readonly sweep: StraySweep;

  private constructor(readonly store: Store, readonly clock: ManualClock, removeAfterMs: number) {
    const limits = { callsPerSecond: 100, callsAtOnce: 4, hostsPerCall: 10 };
    const calls = new MachineCalls({ clock, limits, connect: () => this.#connect() });
    this.sweep = new StraySweep({
      store: { ...store, read: store.read, transaction: async (work) => {
        const done = await store.transaction(work);
        await this.afterRecord();
        return done;
      } },
      clock, ids: new CountingIds(), log: this.log, fleet: this.fleet, machines: { callsOf: () => calls }, appearsWithinMs, removeAfterMs,
      everyMs: 5 * minuteMs, random: () => 0.5,
    });
  }

  static async of(test: Test, { removeAfterMs = 0, hosts = [host] } = {}): Promise<Setting> {
    const clock = new ManualClock();
    const store = await openTestStore(test, clock);
    await put(store, 'providers', providerRow());
    await put(store, 'hosts', ...hosts);
    const setting = new Setting(store, clock, removeAfterMs);
    test.teardown(() => setting.sweep.stop());
    return setting;
  }

  /** A machine with the key of a host, or of nobody. */
  machine(key: string, fields: Partial<Machine> = {}): Machine {
    const made = { ...this.providers.makeFor(key, key), ...fields };
    this.providers.machines.set(made.machineId, made);
    this.providers.machines.delete(key);
    return made;
  }

  async look(): Promise<readonly Stray[]> {
    await this.sweep.sweep((await row(this.store, 'providers', providerRow().id)) as Provider);
    return this.strays();
  }

  strays(): Promise<readonly Stray[]> {
    return this.store.read.strays.find({});
  }

  async ask(...strays: readonly Stray[]): Promise<void> {
    for (const { id } of strays) await change(this.store, 'strays', id, { removal: { by: 'ada', askedAt: this.clock.now() } });
  }

  async #connect(): Promise<ProviderCalls> {
    const calls = await this.providers.get({} as Provider);
    return {
      ...calls,
      listHosts: async (context) => {
        const machines = await calls.listHosts(context);
        await this.afterList();
        return machines;
      },
    };
  }
}

void t.test('a machine whose key no host has is an orphan: seen since, told once, removed when asked', async (test) => {
  const setting = await Setting.of(test, { hosts: [hostRow(1)] });
  setting.fleet.connect(host.id);
  setting.machine(host.key, { machineId: 'machine-1' });
  setting.machine('host-zzzzzzzzzzzz', { machineId: 'lonely' });
  const [orphan, ...more] = await setting.look();
  test.same(more, [], 'a machine with its host is none');
  test.match(orphan, { kind: 'orphan', machineId: 'lonely', key: 'host-zzzzzzzzzzzz', reason: 'this coordinator has no host for it' });
  await setting.clock.advance(60 * minuteMs);
  test.equal((await setting.look())[0]?.createdAt, orphan?.createdAt, 'since when is kept');
  test.same(await eventsAfter(setting.store), ['stray.found orphan lonely orphan'], 'one event');
  test.same(setting.providers.destroyed, [], 'nothing is removed unasked, however old');
  await setting.ask(orphan!);
  test.same(await setting.look(), []);
  test.same(setting.providers.destroyed, ['lonely']);
  test.same((await eventsAfter(setting.store)).at(-1), 'stray.removed orphan lonely orphan');
});

void t.test('a machine that could not be destroyed stays, says why, and is tried again', async (test) => {
  const setting = await Setting.of(test, { hosts: [] });
  setting.machine('host-zzzzzzzzzzzz');
  await setting.ask(...(await setting.look()));
  setting.providers.destroyError = ProviderError.unavailable('no answer');
  test.match(await setting.look(), [{ lastError: { code: 'WO_PROVIDER_UNAVAILABLE', message: 'no answer' } }]);
  setting.providers.destroyError = undefined;
  test.same(await setting.look(), []);
});

void t.test('what lists and rows say at different times is no orphan', async (test) => {
  const going = hostRow(2, { phase: 'gone', phaseSince: new ManualClock().now() });
  const setting = await Setting.of(test, { hosts: [going] });
  setting.machine(going.key, { machineId: 'machine-2' });
  setting.machine('host-goingxxxxxxx', { machineId: 'machine-9', state: MachineState.DESTROYING });
  // Its row is written after the list was begun.
  setting.afterList = async () => {
    setting.afterList = async () => undefined;
    await put(setting.store, 'hosts', hostRow(3, { phase: 'creating', machineId: '' }));
  };
  setting.machine(hostRow(3).key, { machineId: 'machine-3' });
  test.same(await setting.look(), [], 'destroyed a moment ago, about to go, just asked for');
  await setting.clock.advance(appearsWithinMs);
  test.match(await setting.look(), [{ machineId: 'machine-2', reason: 'its host cloud-2 is gone' }], 'but a list is not behind for ever');
});

void t.test('a host with two machines: the second is told, and never removed by itself', async (test) => {
  const setting = await Setting.of(test, { removeAfterMs: 15 * minuteMs, hosts: [hostRow(1)] });
  setting.machine(host.key, { machineId: 'machine-1' });
  setting.machine(host.key, { machineId: 'twin' });
  await setting.look();
  await setting.clock.advance(60 * minuteMs);
  test.match(await setting.look(), [{ kind: 'orphan', machineId: 'twin', isTwin: true, reason: 'its host cloud-1 has another machine, machine-1' }]);
  test.same(setting.providers.destroyed, []);
});

void t.test('by policy orphans go when they have been there for long, and not before', async (test) => {
  const setting = await Setting.of(test, { removeAfterMs: 15 * minuteMs, hosts: [] });
  setting.machine('host-zzzzzzzzzzzz', { machineId: 'lonely' });
  await setting.look();
  await setting.clock.advance(15 * minuteMs - 1);
  test.equal((await setting.look()).length, 1);
  await setting.clock.advance(1);
  test.same(await setting.look(), []);
  test.same(setting.providers.destroyed, ['lonely']);
});

void t.test('a host whose machine is gone is a ghost: it fails when asked, never by policy, and its nodes say why', async (test) => {
  const setting = await Setting.of(test, { removeAfterMs: 1 });
  await put(setting.store, 'nodes', nodeRow('fam-aaaaaaaaaaaa', 1, { phase: 'unknown' }));
  const [ghost] = await setting.look();
  test.match(ghost, { kind: 'ghost', machineId: 'machine-1', hostId: host.id, reason: 'the provider has no machine machine-1 any more; its host cloud-1 is unknown' });
  await setting.clock.advance(60 * minuteMs);
  test.equal((await setting.look()).length, 1);
  test.match(await row(setting.store, 'hosts', host.id), { phase: 'unknown' }, 'nothing is done unasked');
  await setting.ask(ghost!);
  test.same(await setting.look(), []);
  test.match(await row(setting.store, 'hosts', host.id), { phase: 'failed', lastError: { code: 'WO_MACHINE_GONE' } });
  test.match(await setting.store.read.nodes.find({}), [{ phase: 'failed', lastError: { code: 'WO_MACHINE_GONE' } }]);
  test.same(await setting.look(), [], 'and that is all there is to say of it');
});

void t.test('a ghost whose host is removed, or is back, meanwhile is none any more', async (test) => {
  for (const fields of [{ phase: 'destroying', desired: 'absent' }, { phase: 'unknown', desired: 'absent' }, { phase: 'up' }] as const) {
    const setting = await Setting.of(test);
    await setting.ask(...(await setting.look()));
    let looks = 0;
    setting.afterRecord = async () => void ((looks += 1) === 1 && (await change(setting.store, 'hosts', host.id, fields)));
    test.same(await setting.look(), [], JSON.stringify(fields));
    test.match(await row(setting.store, 'hosts', host.id), fields, 'and it has not failed');
  }
});

void t.test('a host is no ghost while its agent talks, or its machine may still appear in the list', async (test) => {
  const setting = await Setting.of(test, { hosts: [host, hostRow(2, { phase: 'booting', phaseSince: new ManualClock().now() })] });
  setting.fleet.connect(host.id);
  test.same(await setting.look(), []);
  await setting.clock.advance(appearsWithinMs);
  const strays = await setting.look();
  test.match(strays, [{ hostId: hostRow(2).id }]);
  await setting.ask(...strays);
  setting.machine(hostRow(2).key, { machineId: 'machine-2' });
  test.same(await setting.look(), [], 'it is looked for once more before anything is done');
  test.match(await row(setting.store, 'hosts', hostRow(2).id), { phase: 'booting' });
});

void t.test('sweeps come by themselves, and a provider that does not answer is asked again', async (test) => {
  const setting = await Setting.of(test, { hosts: [] });
  setting.machine('host-zzzzzzzzzzzz');
  let isAway = true;
  setting.afterList = async () => {
    if (isAway) throw new Error('no answer');
  };
  setting.sweep.start();
  await settle();
  await setting.clock.advance(5 * minuteMs);
  test.same(await setting.strays(), []);
  test.match(setting.log.entries, [{ level: 'warn' }], 'the log says so');
  isAway = false;
  await setting.clock.advance(5 * minuteMs);
  test.equal((await setting.strays()).length, 1);
});
