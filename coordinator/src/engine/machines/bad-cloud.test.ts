import { createHash, randomInt } from 'node:crypto';
import t, { type Test } from 'tap';
import type { Host } from '../../domain/model/host.js';
import { ManualClock } from '../../fleet/testing/manual-clock.js';
import type { Provider } from '../../domain/model/provider.js';
import type { NewObject, Store } from '../../store/store.js';
import { idNumber } from '../../testing/counting-ids.js';
import { LogBook } from '../../testing/log-book.js';
import { hostRow, providerRow } from '../../testing/rows.js';
import { openTestStore, put } from '../../testing/test-store.js';
import { Controller } from '../controller.js';
import { HostController } from '../host-controller.js';
import type { HostSilence } from '../host-silence.js';
import { moveHost } from '../move-host.js';
import { FakeCloud } from '../testing/fake-cloud.js';
import { Mortal } from '../testing/mortal.js';
import { Machines } from './machines.js';

const seeds = process.env['WOMBAT_TEST_FULL'] ? 500 : 25;
const hostCount = 8;
const minuteMs = 60_000;

/** Numbers that are the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = createHash('sha256').update(`${seed}`).digest().readUInt32BE(0);
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** One seed: a cloud, hosts that are wanted there, and coordinators that die now and then. */
class Life {
  readonly cloud: FakeCloud;
  readonly hostIds: readonly string[];
  readonly #provider: NewObject<Provider>;
  readonly #random: () => number;
  #end: () => void = () => undefined;

  constructor(seed: number, readonly store: Store, readonly clock: ManualClock) {
    this.#random = randomOf(seed);
    this.#provider = providerRow({ id: idNumber('prv', 1_000 + seed), name: `cloud ${seed}` });
    this.hostIds = Array.from({ length: hostCount }, (_, index) => idNumber('host', 1_000 + seed * hostCount + index));
    this.cloud = new FakeCloud({ clock, random: this.#random, capacity: hostCount - 1, onMachine: (hostId) => this.#boot(hostId) });
  }

  async begin(): Promise<void> {
    await put(this.store, 'providers', this.#provider);
    await this.#start();
    const rows = this.hostIds.map((id, index) => hostRow(index, {
      id, key: id, name: `host ${id}`, providerId: this.#provider.id, phase: 'requested', machineId: '', addresses: [], attempts: 0, phaseSince: this.clock.now(),
    }));
    await put(this.store, 'hosts', ...rows);
  }

  /** The process is gone; what the cloud is doing goes on. */
  async crash(): Promise<void> {
    this.#end();
    this.cloud.forgive();
    await this.#start();
  }

  async remove(hostIds: readonly string[]): Promise<void> {
    await this.store.transaction(async (transaction) => {
      for (const id of hostIds) {
        const host = await transaction.hosts.get(id);
        if (host && host.phase !== 'gone') await transaction.hosts.update({ ...host, desired: 'absent' });
      }
    });
  }

  /** Lives on until all hosts have come to an end, with what happens on the way. */
  async until(ended: (host: Host) => boolean, longestMs: number): Promise<readonly Host[]> {
    for (let waitedMs = 0; ; waitedMs += minuteMs) {
      const hosts = (await this.hosts()).filter((host) => !ended(host));
      if (hosts.length === 0 || waitedMs >= longestMs) return hosts;
      if (waitedMs < 20 * minuteMs && this.#random() < 0.4) {
        await this.clock.advance(Math.floor(this.#random() * minuteMs));
        await this.crash();
      }
      if (waitedMs < 20 * minuteMs && this.#random() < 0.1) await this.remove([this.hostIds[Math.floor(this.#random() * hostCount)]!]);
      await this.clock.advance(minuteMs);
    }
  }

  hosts(): Promise<readonly Host[]> {
    return this.store.read.hosts.find({ providerId: this.#provider.id });
  }

  end(): void {
    this.#end();
  }

  async #start(): Promise<void> {
    const mortal = new Mortal();
    const [store, clock, random, log] = [mortal.store(this.store), this.clock, this.#random, new LogBook()];
    const calls = mortal.calls(this.cloud.calls());
    const unused = (): never => {
      throw new Error('is not asked for here');
    };
    const machines = new Machines({
      store, clock, random, log, clusterId: 'cluster1', fleet: { disconnect: () => undefined }, revoker: { revoke: async () => undefined },
      providers: { get: async () => calls, open: unused, remove: unused },
      limits: { callsPerSecond: 5, callsAtOnce: 2, hostsPerCall: 4 }, appearsWithinMs: minuteMs,
    });
    // Silence is another matter.
    const silence = { judge: async () => undefined, spoke: () => undefined } as unknown as HostSilence;
    const hosts = new HostController({ store, clock, machines, silence, enrolTimeoutMs: 5 * minuteMs, idleTtlMs: 0 });
    const queue = new Controller({ name: 'hosts', clock, random, log, all: () => hosts.all(), reconcile: (id) => hosts.reconcile(id) });
    const unsubscribe = store.onCommit(({ changes }) => changes.forEach(({ kind, id }) => kind === 'hosts' && queue.wake(id)));
    this.#end = () => {
      mortal.die();
      unsubscribe();
      void queue.stop();
      void machines.stop();
    };
    await queue.start();
  }

  /** Most machines boot, and their agents report, whoever coordinates then. */
  #boot(hostId: string): void {
    if (this.#random() < 0.1) return;
    void this.clock.sleep(5_000 + 60_000 * this.#random()).then(() => this.store.transaction(async (transaction) => {
      const host = await transaction.hosts.get(hostId);
      if (host?.desired === 'present' && ['requested', 'creating', 'booting', 'failed'].includes(host.phase)) await moveHost(transaction, this.clock, hostId, 'up');
    }));
  }
}

async function live(test: Test, seed: number, store: Store, clock: ManualClock): Promise<FakeCloud> {
  const life = new Life(seed, store, clock);
  const again = `again with WOMBAT_SEED=${seed}`;
  const told = (hosts: readonly Host[]): string => hosts.map(({ name, phase, waiting }) => `${name} is ${phase}: ${waiting?.reason ?? ''}`).join('; ');
  await life.begin();

  const unsettled = await life.until(({ phase, machineId }) => phase === 'gone' || phase === 'failed' || (phase === 'up' && machineId !== ''), 120 * minuteMs);
  if (unsettled.length > 0) test.fail(`not terminal after two hours: ${told(unsettled)}; ${again}`);
  for (const host of await life.hosts()) {
    const machines = life.cloud.alive().filter(({ key }) => key === host.key);
    if (host.phase === 'up' && machines.length !== 1) test.fail(`${host.name} is up and has ${machines.length} machines; ${again}`);
    if (host.phase === 'gone' && machines.length > 0) test.fail(`${host.name} is gone and its machine is left behind; ${again}`);
  }

  await life.remove(life.hostIds);
  const left = await life.until(({ phase }) => phase === 'gone', 120 * minuteMs);
  if (left.length > 0) test.fail(`not gone two hours after their removal: ${told(left)}; ${again}`);
  await clock.advance(10 * minuteMs);
  const lost = life.cloud.alive();
  if (lost.length > 0) test.fail(`${lost.length} machines are left that nobody knows of: ${lost.map(({ key }) => key).join(', ')}; ${again}`);
  if (life.cloud.complaints.length > 0) test.fail(`${life.cloud.complaints[0]}; ${again}`);
  life.end();
  return life.cloud;
}

t.setTimeout(900_000);

void t.test('in a cloud as bad as they get no machine is doubled, none is lost, and every host comes to an end', async (test) => {
  // Each seed has a clock of its own, so that it goes the same way whatever went before.
  let clock = new ManualClock();
  const store = await openTestStore(test, { now: () => clock.now(), monotonic: () => clock.monotonic(), sleep: (ms, signal) => clock.sleep(ms, signal) });
  const said = process.env['WOMBAT_SEED'];
  const first = said ? Number(said) : randomInt(100_000);
  const seen = { calls: 0, throttled: 0, lost: 0, late: 0, refused: 0, largestBatch: 0 };
  for (let seed = first; seed < first + (said ? 1 : seeds); seed += 1) {
    clock = new ManualClock();
    const cloud = await live(test, seed, store, clock);
    for (const key of ['calls', 'throttled', 'lost', 'late', 'refused'] as const) seen[key] += cloud.seen[key];
    seen.largestBatch = Math.max(seen.largestBatch, cloud.seen.largestBatch);
  }
  test.comment(`seeds ${first} to ${first + seeds - 1}: ${JSON.stringify(seen)}`);
  if (!said) {
    for (const [what, count] of Object.entries(seen)) test.ok(count > 1, `the cloud was bad: ${what} ${count}`);
  }
});
