import t, { type Test } from 'tap';
import { randomIds } from '@wombat/proto';
import { armFailpoints } from '@wombat/proto/failpoints';
import type { Replacement } from '../../domain/model/family.js';
import type { Host } from '../../domain/model/host.js';
import type { Operation } from '../../domain/model/operation.js';
import { ManualClock } from '../../fleet/testing/manual-clock.js';
import type { Store } from '../../store/store.js';
import { idNumber } from '../../testing/counting-ids.js';
import { FakeStrategies } from '../../testing/fake-strategies.js';
import { operationTools } from '../../testing/operation-tools.js';
import { domainRow, familyRow, hostRow, nodeRow, operationRow, providerRow, releaseRow } from '../../testing/rows.js';
import { change, eventsAfter, openTestStore, put, row } from '../../testing/test-store.js';
import type { OperationTools } from '../operations/operation-tools.js';
import { startOperation } from '../operations/start-operation.js';
import { Turns } from '../operations/turns.js';
import { Brakes, heldBrakes } from './brakes.js';
import { HealingController } from './healing-controller.js';
import { familiesToReplace } from './replace-host.js';

const [lostAfterMs, startGraceMs, minuteMs] = [300_000, 60_000, 60_000];
const family = familyRow();
const first = idNumber('host', 1);

class Setting {
  readonly ids = randomIds;
  readonly tools: OperationTools;
  readonly brakes: Brakes;
  /** What the coordinator has stood still. */
  stalledMs = 0;
  controller!: HealingController;
  /** Before the next transaction of the controller, once. */
  meanwhile: (() => Promise<unknown>) | undefined;

  private constructor(readonly store: Store, readonly clock: ManualClock) {
    this.brakes = new Brakes(store, clock);
    this.tools = { ...operationTools(clock), ids: randomIds };
    this.restart();
  }

  /** A family with a node on each of so many hosts; all are up, and the coordinator has run for a while. */
  static async of(test: Test, replacement?: Replacement, hosts = 3, domain: Parameters<typeof domainRow>[1] = {}): Promise<Setting> {
    const clock = new ManualClock();
    const store = await openTestStore(test, clock);
    const numbers = Array.from({ length: hosts }, (_, index) => index + 1);
    await put(store, 'providers', providerRow());
    await put(store, 'releases', releaseRow());
    await put(store, 'families', { ...family, ...(replacement ? { replacement } : {}) }, familyRow({}, {}, 901));
    await put(store, 'domains', domainRow(family.id, { nodesPerHost: 1, ...domain }));
    await put(store, 'hosts', ...numbers.map((number) => hostRow(number)));
    await put(store, 'nodes', ...numbers.map((number) => nodeRow(family.id, number)));
    const setting = new Setting(store, clock);
    await clock.advance(startGraceMs);
    return setting;
  }

  restart(): void {
    const { clock, ids, brakes } = this;
    const store: Store = { ...this.store, read: this.store.read, transaction: async (work) => {
      const { meanwhile } = this;
      this.meanwhile = undefined;
      await meanwhile?.();
      return this.store.transaction(work);
    } };
    this.controller = new HealingController({ store, clock, ids, enforcesFirewall: () => false, strategies: new FakeStrategies(), brakes, lostAfterMs, startGraceMs, awakeMs: () => clock.monotonic() - this.stalledMs });
  }

  /** As HostSilence does it. */
  async silence(...numbers: readonly number[]): Promise<void> {
    const now = this.clock.now();
    for (const number of numbers) {
      await change(this.store, 'hosts', idNumber('host', number), { phase: 'unknown', phaseSince: now, silentSince: now, waiting: { reason: 'no frame for 12 s', since: now } });
      await change(this.store, 'nodes', idNumber('node', number), { phase: 'unknown', phaseSince: now });
    }
    await this.brakes.reconcile();
    await this.lookAll();
  }

  async comeBack(...numbers: readonly number[]): Promise<void> {
    for (const number of numbers) await change(this.store, 'hosts', idNumber('host', number), { phase: 'up', phaseSince: this.clock.now() });
    await this.brakes.reconcile();
  }

  look(id = first): Promise<number | void> {
    return this.controller.reconcile(id);
  }

  async lookAll(): Promise<void> {
    for (const id of await this.controller.all()) await this.controller.reconcile(id);
  }

  /** Silent until it is lost. */
  async lose(): Promise<void> {
    await this.silence(1);
    await this.clock.advance(lostAfterMs);
    await this.look();
    await this.look();
  }

  host(): Promise<Host> {
    return row(this.store, 'hosts', first);
  }

  async eventsOf(prefix: string): Promise<string[]> {
    return (await eventsAfter(this.store)).filter((each) => each.startsWith(prefix));
  }

  /** As the service does it, for one family. */
  replace(fenced: boolean, host: Host, familyId = family.id, waitMs?: number): Promise<Operation> {
    const wish = { kind: 'replace', familyId, hostId: host.id, fenced } as const;
    return this.store.transaction(async (transaction) => {
      await familiesToReplace(transaction, host, fenced);
      return startOperation(this.tools, transaction, { wish, principal: 'ada', name: 'replace nodes', waitMs });
    });
  }
}

void t.test('a silent host is lost after a grace, with one event, and its nodes are told', async (test) => {
  const of = await Setting.of(test);
  await of.silence(1);
  await of.clock.advance(lostAfterMs - 1);
  test.equal(await of.look(), 1, 'not before');
  test.equal((await of.host()).phase, 'unknown');
  await of.clock.advance(1);
  await of.look();
  test.match(await of.host(), { phase: 'lost', desired: 'present', waiting: { reason: 'web-1 waits for it to come back' } }, 'and its machine is kept');
  test.match(await row(of.store, 'nodes', idNumber('node', 1)), { phase: 'unknown', desired: 'running', waiting: { reason: 'cloud-1 is lost: it waits for it to come back' } });
  for (let look = 0; look < 3; look += 1) await of.look();
  test.strictSame(await of.eventsOf(''), ['host.phase cloud-1 lost'], 'one event');
  await of.clock.advance(24 * 60 * minuteMs);
  test.equal(await of.look(), undefined, 'nothing is to come');
  test.equal(await of.store.read.operations.count({}), 0, 'and nothing is replaced without a policy');
});

void t.test('after a start of the coordinator nobody is lost for a minute, however long it was away', async (test) => {
  const of = await Setting.of(test, { mode: 'after', afterMs: 0 });
  await of.silence(1);
  await of.clock.advance(60 * minuteMs);
  of.restart();
  test.equal(await of.look(), startGraceMs, 'agents have time to come back');
  await of.clock.advance(startGraceMs - 1);
  await of.look();
  test.equal((await of.host()).phase, 'unknown', 'still');
  await of.comeBack(1);
  await of.clock.advance(minuteMs);
  await of.look();
  test.equal((await of.host()).phase, 'up', 'one that came back is not lost');
  test.strictSame(await eventsAfter(of.store), [], 'no false alarm');
});

void t.test('neither a clock that jumps nor a coordinator that stands still makes a host lost', async (test) => {
  const of = await Setting.of(test);
  await of.silence(1);
  of.stalledMs = 10 * lostAfterMs;
  await of.clock.advance(10 * lostAfterMs);
  test.equal(await of.look(), lostAfterMs, 'the wall clock is far ahead of what the coordinator has lived through');
  test.equal((await of.host()).phase, 'unknown');
  await of.clock.advance(lostAfterMs);
  await of.look();
  test.equal((await of.host()).phase, 'lost', 'but real silence counts');
});

void t.test('after N minutes: others are deployed elsewhere, under names of their own, and the old ones are wanted absent', async (test) => {
  const of = await Setting.of(test, { mode: 'after', afterMs: 10 * minuteMs });
  await of.lose();
  const lost = await of.host();
  test.match(lost.waiting, { reason: 'web-1 is to be replaced', nextTryAt: of.clock.now() + 10 * minuteMs }, 'what happens next, and when');
  test.equal(await of.look(), 10 * minuteMs);
  await of.clock.advance(10 * minuteMs);
  await of.look();
  const [operation, ...more] = await of.store.read.operations.find({});
  test.same(more, [], 'one operation');
  test.match(operation, { kind: 'replace', state: 'running', familyId: family.id, principal: 'healing', name: 'replace web-1 of cloud-1', progress: { total: 1 } });
  test.match(operation?.plan.find(({ action }) => action === 'create_node')?.reason, /^in place of web-1: a new host/);
  const nodes = (await of.store.read.nodes.find({ familyId: family.id })).sort((a, b) => a.createdAt - b.createdAt);
  const fresh = nodes.find(({ operationId }) => operationId === operation?.id)!;
  test.match(fresh, { desired: 'running', phase: 'pending', familyGeneration: 1, releaseId: idNumber('rel', 900) });
  test.notOk(['web-2', 'web-3'].includes(fresh.name), `it has a name of its own: ${fresh.name}`);
  test.not(fresh.hostId, first, 'on another host');
  test.match(await row(of.store, 'nodes', idNumber('node', 1)), { desired: 'absent', keepData: true, generation: 2, phase: 'unknown', waiting: { reason: /is told to remove it/ } });
  test.match((await of.host()).waiting, { reason: 'a node of it will be removed when it comes back' });
  test.match(await of.host(), { phase: 'lost', desired: 'present' }, 'the machine is left alone');
  await of.clock.advance(60 * minuteMs);
  await of.look();
  test.equal((await of.store.read.operations.find({})).length, 1, 'it is done once');
});

void t.test('what was being drained to be removed is not replaced; what was to run again is, and is drained no more', async (test) => {
  for (const [desired, replaced] of [['absent', 0], ['stopped', 0], ['running', 1]] as const) {
    const of = await Setting.of(test, { mode: 'after', afterMs: minuteMs });
    await change(of.store, 'nodes', idNumber('node', 1), { draining: { since: 1, stage: 'hook', then: { desired } } });
    await of.lose();
    await of.clock.advance(minuteMs);
    await of.look();
    test.equal((await of.store.read.operations.find({ kind: 'replace' })).length, replaced, desired);
    const old = await row(of.store, 'nodes', idNumber('node', 1));
    if (replaced > 0) test.match(old, { desired: 'absent', draining: undefined });
  }
});

void t.test('what has ended in good order, as its restart policy lets it, is not run again elsewhere', async (test) => {
  const of = await Setting.of(test, { mode: 'after', afterMs: 0 });
  await of.silence(1);
  await change(of.store, 'nodes', idNumber('node', 1), { phase: 'stopped' });
  await of.clock.advance(lostAfterMs);
  await of.look();
  await of.look();
  test.equal(await of.store.read.operations.count({}), 0);
  test.match(await of.host(), { phase: 'lost', waiting: { reason: 'no node waits for it' } });
});

void t.test('what was updated half way is replaced by what it ran', async (test) => {
  const of = await Setting.of(test, { mode: 'after', afterMs: 0 }, 1, { nodesPerHost: 3 });
  const other = releaseRow({ id: idNumber('rel', 901), version: '2.0' });
  await put(of.store, 'releases', other);
  await change(of.store, 'families', family.id, { generation: 2 });
  await put(of.store, 'nodes', nodeRow(family.id, 4, { hostId: first, releaseId: other.id, familyGeneration: 2, phase: 'unknown' }));
  await of.lose();
  const fresh = (await of.store.read.nodes.find({ familyId: family.id, desired: 'running' })).map(({ releaseId, familyGeneration }) => [releaseId, familyGeneration]);
  test.same(fresh.sort(), [[idNumber('rel', 900), 1], [other.id, 2]]);
  test.equal((await of.store.read.operations.find({})).length, 1, 'by one operation');
});

void t.test('what somebody has replaced while it was about to be is not replaced by nothing', async (test) => {
  const of = await Setting.of(test, { mode: 'after', afterMs: minuteMs });
  await of.lose();
  await of.clock.advance(minuteMs);
  of.meanwhile = () => change(of.store, 'nodes', idNumber('node', 1), { desired: 'absent' });
  of.restart();
  await of.clock.advance(startGraceMs);
  await of.look();
  test.equal(await of.store.read.operations.count({}), 0, 'no operation that replaces 0 nodes');
  test.match(await of.host(), { phase: 'lost', waiting: { reason: 'a node of it will be removed when it comes back' } });
});

void t.test('a lost host that was being drained says that this goes on', async (test) => {
  const of = await Setting.of(test, { mode: 'after', afterMs: 0 });
  await change(of.store, 'nodes', idNumber('node', 1), { draining: { since: 1, stage: 'hook', then: { desired: 'absent' } } });
  await change(of.store, 'hosts', first, { isDraining: true });
  await of.lose();
  test.match(await of.host(), { phase: 'lost', isDraining: true, waiting: { reason: 'its drain goes on when it comes back' } });
});

for (const point of ['coordinator.healing.before-replace', 'coordinator.healing.after-replace'] as const) {
  void t.test(`a coordinator that is cut off at ${point} replaces once when it is back`, async (test) => {
    const of = await Setting.of(test, { mode: 'after', afterMs: minuteMs });
    await of.lose();
    await of.clock.advance(minuteMs);
    armFailpoints(`${point}=error`);
    test.teardown(() => void armFailpoints(undefined));
    await of.look().catch(() => undefined);
    const begun = point.endsWith('after-replace') ? 1 : 0;
    test.equal(await of.store.read.operations.count({}), begun, 'what was written at that point');
    of.restart();
    await of.clock.advance(startGraceMs);
    await of.look();
    test.equal(await of.store.read.operations.count({ kind: 'replace' }), 1, 'once, and no more');
    test.equal(await of.store.read.nodes.count({ familyId: family.id, desired: 'running' }), 3, 'as many nodes as before');
  });
}

void t.test('ask: it waits until somebody says so', async (test) => {
  const of = await Setting.of(test, { mode: 'ask' });
  await test.rejects(of.replace(false, await of.host()), { code: 'WO_CONFLICT', message: /is up/ }, 'a host that is up is drained instead');
  await of.silence(1);
  await test.rejects(of.replace(false, await of.host()), { code: 'WO_CONFLICT', message: /not lost yet/ });
  await of.clock.advance(lostAfterMs);
  await of.look();
  test.match((await of.host()).waiting, { reason: 'web-1 waits for you: wo host replace cloud-1' });
  test.match(await row(of.store, 'nodes', idNumber('node', 1)), { waiting: { reason: 'cloud-1 is lost: it waits for you: wo host replace cloud-1' } });
  await of.clock.advance(60 * minuteMs);
  await of.look();
  test.equal(await of.store.read.operations.count({}), 0, 'nothing by itself');
  const operation = await of.replace(false, await of.host());
  test.match(operation, { kind: 'replace', principal: 'ada', familyId: family.id });
  test.match(await row(of.store, 'nodes', idNumber('node', 1)), { desired: 'absent', phase: 'unknown' });
  await test.rejects(of.replace(false, await of.host()), { code: 'WO_NOT_FOUND' }, 'not twice');
});

void t.test('fenced: the nodes are gone at once, the host goes, and its place in the domain is free', async (test) => {
  const of = await Setting.of(test, { mode: 'never' }, 3, { maxHosts: 3 });
  await of.silence(1);
  const operation = await of.replace(true, await of.host());
  test.equal(operation.plan.filter(({ action }) => action === 'create_host').length, 1, 'maxHosts is not in the way');
  test.match(await row(of.store, 'nodes', idNumber('node', 1)), { desired: 'absent', phase: 'gone' });
  test.match(await of.host(), { desired: 'absent' });
});

void t.test('fenced, and one of two families is held: its nodes wait for their turn, and the host for them', async (test) => {
  const of = await Setting.of(test, { mode: 'never' });
  const other = idNumber('fam', 901);
  await put(of.store, 'domains', domainRow(other, { nodesPerHost: 1 }, 901));
  await put(of.store, 'nodes', nodeRow(other, 4, { hostId: first, phase: 'unknown' }));
  await of.silence(1);
  await put(of.store, 'operations', operationRow({ familyId: other }));
  const begun = await of.replace(true, await of.host(), family.id, minuteMs);
  const waiting = await of.replace(true, await of.host(), other, minuteMs);
  test.match([begun.state, waiting.state, waiting.kind], ['running', 'waiting', 'replace']);
  test.match([await row(of.store, 'nodes', idNumber('node', 1)), await row(of.store, 'nodes', idNumber('node', 4))], [{ phase: 'gone' }, { phase: 'unknown', desired: 'running' }]);
  test.equal((await of.host()).desired, 'present', 'what the other family has there is not touched');
  await change(of.store, 'operations', operationRow().id, { state: 'succeeded', finishedAt: 1 });
  await new Turns(of.store, of.tools).look(waiting.id);
  test.match(await row(of.store, 'operations', waiting.id), { state: 'running', familyId: other, progress: { total: 1 } });
  test.match(await row(of.store, 'nodes', idNumber('node', 4)), { phase: 'gone' });
  test.equal((await of.host()).desired, 'absent', 'and now the host goes');
});

void t.test('a host that is back before its turn comes is not replaced', async (test) => {
  const of = await Setting.of(test, { mode: 'never' });
  await put(of.store, 'operations', operationRow({ familyId: family.id }));
  await of.lose();
  await test.rejects(of.replace(false, await of.host()), { code: 'WO_CONFLICT', hint: /--wait/ });
  const { id } = await of.replace(false, await of.host(), family.id, minuteMs);
  await of.comeBack(1);
  await change(of.store, 'operations', operationRow().id, { state: 'succeeded', finishedAt: 1 });
  await new Turns(of.store, of.tools).look(id);
  test.match(await row(of.store, 'operations', id), { state: 'failed', error: { code: 'WO_CONFLICT', message: /is up: only a lost host is replaced/ } });
  test.match(await row(of.store, 'nodes', idNumber('node', 1)), { desired: 'running' });
});

void t.test('what cannot be placed is said once, tried again, and done when there is room', async (test) => {
  const of = await Setting.of(test, { mode: 'after', afterMs: 0 }, 3, { maxHosts: 3 });
  await of.lose();
  test.match((await of.host()).waiting, { reason: /^web-1 is not replaced: only 0 of 1 nodes fit/ }, 'the machine that is lost may still be there, and counts');
  for (let round = 0; round < 3; round += 1) {
    await of.clock.advance(15_000);
    await of.look();
  }
  test.strictSame(await of.eventsOf('host.not-replaced'), ['host.not-replaced cloud-1 WO_PLACEMENT_IMPOSSIBLE'], 'one event');
  test.match(await row(of.store, 'nodes', idNumber('node', 1)), { desired: 'running', generation: 1 }, 'nothing is half done');
  await change(of.store, 'domains', idNumber('dom', 900), { maxHosts: 4 });
  await of.clock.advance(15_000);
  await of.look();
  test.equal((await of.store.read.operations.find({ kind: 'replace' })).length, 1);
});

void t.test('the brake: when too many fall silent nothing is replaced, with one event, until they are back', async (test) => {
  const of = await Setting.of(test, { mode: 'after', afterMs: 0 }, 20);
  await of.silence(1, 2, 3, 4, 5, 6);
  test.strictSame(await of.eventsOf('healing'), ['healing.held cloud: small of img held'], 'it is told when they fall silent, not when they are lost');
  await of.clock.advance(lostAfterMs);
  await of.lookAll();
  // Long after the ten minutes in which they fell silent: what has not come back still holds it.
  for (let round = 0; round < 4; round += 1) {
    await of.clock.advance(5 * minuteMs);
    await of.lookAll();
    await of.brakes.reconcile();
  }
  test.match((await of.host()).waiting, { reason: 'web-1 is not replaced: too many hosts of cloud: small of img are silent' });
  test.equal(await of.store.read.operations.count({}), 0, 'nothing is replaced');
  test.strictSame(await of.eventsOf('host.not-replaced'), [], 'and no host tells of it again');

  of.restart();
  await of.clock.advance(startGraceMs);
  await of.lookAll();
  test.equal(await of.store.read.operations.count({}), 0, 'a coordinator that was started in between holds it, too');
  await of.comeBack(4, 5, 6);
  await of.clock.advance(15_000);
  await of.lookAll();
  test.strictSame(await of.eventsOf('healing'), ['healing.held cloud: small of img held', 'healing.resumed cloud: small of img resumed']);
  test.same(await heldBrakes(of.store.read), {});
  test.equal((await of.store.read.operations.find({ kind: 'replace' })).length, 1, 'the family is held by the first replacement');
  await change(of.store, 'operations', (await of.store.read.operations.find({}))[0]!.id, { state: 'succeeded', finishedAt: of.clock.now() });
  await of.clock.advance(15_000);
  await of.lookAll();
  test.equal((await of.store.read.operations.find({ kind: 'replace' })).length, 2, 'and then the next is replaced');
});

void t.test('a brake that machines hold that are gone for good says how it is let go, and is', async (test) => {
  const of = await Setting.of(test, { mode: 'after', afterMs: 0 }, 20);
  await of.silence(1, 2, 3, 4, 5, 6);
  await of.clock.advance(lostAfterMs);
  await of.lookAll();
  await of.lookAll();
  const wayOut = 'a machine that is gone for good counts until it is given up: wo host replace cloud-1 --fenced';
  const told = (await of.store.read.events.list({ afterSequence: 0, limit: 100 })).find(({ type }) => type === 'healing.held');
  test.equal(told?.message, `6 of 20 hosts of cloud: small of img fell silent within 10 min: no node there is replaced until less than 20 % are silent; ${wayOut}`);
  test.equal((await of.host()).waiting?.reason, `web-1 is not replaced: too many hosts of cloud: small of img are silent; ${wayOut}`);
  test.equal((await row(of.store, 'nodes', idNumber('node', 1))).waiting?.reason, `cloud-1 is lost: it is not replaced: too many hosts of cloud: small of img are silent; ${wayOut}`);
  for (const [done, number] of [1, 2, 3].entries()) {
    test.same(Object.keys(await heldBrakes(of.store.read)).length, 1, `held after ${done}`);
    const { id } = await of.replace(true, await row(of.store, 'hosts', idNumber('host', number)));
    await change(of.store, 'operations', id, { state: 'succeeded', finishedAt: of.clock.now() });
    await of.brakes.reconcile();
  }
  test.same(await heldBrakes(of.store.read), {}, '3 of 17 are less than a fifth');
  test.same(await of.eventsOf('healing'), ['healing.held cloud: small of img held', 'healing.resumed cloud: small of img resumed']);
});

void t.test('one after another, few at a time: the brake does not hold what is not a meltdown', async (test) => {
  const of = await Setting.of(test, { mode: 'never' }, 20);
  for (const number of [1, 2, 3, 4, 5, 6, 7, 8]) {
    await of.silence(number);
    await of.clock.advance(3 * minuteMs);
  }
  test.strictSame(await of.eventsOf('healing'), [], 'never more than five within ten minutes');
});
