import t, { type Test } from 'tap';
import type { Family, FamilySpec } from '../../domain/model/family.js';
import type { Node } from '../../domain/model/node.js';
import { ManualClock, settle } from '../../fleet/testing/manual-clock.js';
import type { NewObject, Store } from '../../store/store.js';
import { CountingIds, idNumber } from '../../testing/counting-ids.js';
import { FakeFleet, outcomeOf, type SentExec } from '../../testing/fake-fleet.js';
import { FakeStrategies } from '../../testing/fake-strategies.js';
import { LogBook } from '../../testing/log-book.js';
import { familyRow, hostRow, nodeRow, operationRow } from '../../testing/rows.js';
import { change, eventsAfter, openTestStore, put, row } from '../../testing/test-store.js';
import { StepRunner } from '../step-runner.js';
import { BoundedHistory } from '../bounded-history.js';
import { BootstrapController } from './bootstrap-controller.js';

const family = familyRow();
const ready = { phase: 'ready' } as const;

/** A cluster as the nodes' own software would make it: who joins whom is one with them. */
class Setting {
  readonly clock: ManualClock;
  readonly fleet = new FakeFleet();
  readonly steps: StepRunner;
  controller!: BootstrapController;
  readonly strategies = new FakeStrategies();
  /** "web-2 web-1": node and the contacts of its join, as they came. */
  readonly joins: string[] = [];
  readonly links: [string, string][] = [];
  /** Exit code of a join, by node and number of the attempt. */
  exitCode: (node: string, attempt: number) => number | undefined = () => 0;
  readonly #attempts = new Map<string, number>();

  private constructor(readonly store: Store, clock: ManualClock) {
    this.clock = clock;
    this.steps = new StepRunner({ fleet: this.fleet, clock, ids: new CountingIds() });
    this.fleet.onExec = (exec) => this.#run(exec);
    this.restart();
  }

  static async of(test: Test, nodes: readonly NewObject<Node>[], spec: Partial<FamilySpec> = {}): Promise<Setting> {
    const clock = new ManualClock();
    const store = await openTestStore(test, clock);
    await put(store, 'families', familyRow({}, { bootstrap: { strategy: 'serial', options: {} }, ...spec }));
    await put(store, 'hosts', ...nodes.map((node) => hostRow(node.ordinal)));
    await put(store, 'nodes', ...nodes);
    const setting = new Setting(store, clock);
    setting.fleet.connect(...nodes.map((node) => node.hostId));
    return setting;
  }

  /** Another process on the same store. */
  restart(): void {
    const history = new BoundedHistory({ store: this.store, clock: this.clock, log: new LogBook() });
    this.controller = new BootstrapController({ store: this.store, clock: this.clock, strategies: this.strategies, steps: this.steps, history });
  }

  /** One look to its end; time passes while it waits. */
  async look(): Promise<number | void> {
    let isOver = false;
    const looking = this.controller.reconcile(family.id, new AbortController().signal).finally(() => (isOver = true));
    looking.catch(() => undefined);
    for (;;) {
      await settle(40);
      if (isOver) return looking;
      await this.clock.advance(500);
    }
  }

  node(number: number): Promise<Node> {
    return row(this.store, 'nodes', idNumber('node', number));
  }

  family(): Promise<Family> {
    return row(this.store, 'families', family.id);
  }

  async phases(): Promise<string[]> {
    return (await this.store.read.nodes.find({})).map((node) => node.phase);
  }

  #run(exec: SentExec): void {
    const kind = exec.job.action?.kind;
    if (kind?.$case !== 'command') throw new Error('the strategy runs commands only');
    const [verb, ...contacts] = kind.value.argv;
    const name = `web-${exec.hostId === idNumber('host', 1) ? 1 : Number([2, 3, 4].find((number) => exec.hostId === idNumber('host', number)))}`;
    if (verb === 'members') return void this.steps.take(exec.hostId, outcomeOf(exec, 0, this.#seenBy(name).join(' ')));
    const attempt = (this.#attempts.get(name) ?? 0) + 1;
    this.#attempts.set(name, attempt);
    this.joins.push([name, ...contacts].join(' '));
    const code = this.exitCode(name, attempt);
    if (code === undefined) return;
    if (code === 0) for (const contact of contacts) this.links.push([name, contact]);
    this.steps.take(exec.hostId, outcomeOf(exec, code, code === 0 ? '' : 'no quorum\n'));
  }

  #seenBy(name: string): string[] {
    const seen = new Set([name]);
    for (let size = 0; size !== seen.size; ) {
      size = seen.size;
      for (const [one, other] of this.links) if (seen.has(one) || seen.has(other)) seen.add(one).add(other);
    }
    return [...seen];
  }
}

const readyNodes = (...numbers: readonly number[]): NewObject<Node>[] => numbers.map((number) => nodeRow(family.id, number, ready));

void t.test('the seed is alone and first, the others follow one after another', async (test) => {
  const setting = await Setting.of(test, readyNodes(2, 1, 3));
  await setting.look();
  test.same(setting.joins, ['web-1', 'web-2 web-1', 'web-3 web-1 web-2'], 'by their place in the family; each is given the members of its moment');
  test.same(await setting.phases(), ['running', 'running', 'running']);
  test.match((await setting.node(3)).membership, { joined: true, attempts: 1, startId: 'start-3', contactIds: [idNumber('node', 1), idNumber('node', 2)] });
  test.match((await setting.family()).cluster, { health: 'one', parts: [] });
  const events = await eventsAfter(setting.store);
  test.equal(events.at(-1), `cluster.one ${family.name} one`, 'they were asked whom they see');
  test.same(events.slice(0, 2), ['node.phase web-1 joining', 'node.phase web-1 running']);
});

void t.test('a serial join waits for the one before it, a parallel one only for the seed', async (test) => {
  for (const [strategy, begun] of [['serial', ['web-1', 'web-2 web-1']], ['parallel', ['web-1', 'web-2 web-1', 'web-3 web-1']]] as const) {
    const setting = await Setting.of(test, readyNodes(1, 2, 3), { bootstrap: { strategy, options: {} } });
    setting.exitCode = (node) => (node === 'web-1' ? 0 : undefined);
    const stop = new AbortController();
    const looking = setting.controller.reconcile(family.id, stop.signal);
    looking.catch(() => undefined);
    await settle(60);
    test.same(setting.joins, begun, `${strategy}: who has begun while web-2 is at it`);
    stop.abort(new Error('the coordinator stops'));
    await test.rejects(looking, { message: 'the coordinator stops' });
  }
});

void t.test('contacts are chosen by the selector', async (test) => {
  const setting = await Setting.of(test, readyNodes(1, 2, 3), { selector: 'oldest' });
  await setting.look();
  test.same(setting.joins, ['web-1', 'web-2 web-1', 'web-3 web-1']);
});

void t.test('exit code 75 means later, within the step', async (test) => {
  const setting = await Setting.of(test, readyNodes(1, 2));
  setting.exitCode = (node, attempt) => (node === 'web-2' && attempt < 3 ? 75 : 0);
  await setting.look();
  test.same(setting.joins, ['web-1', 'web-2 web-1', 'web-2 web-1', 'web-2 web-1']);
  test.match((await setting.node(2)), { phase: 'running', membership: { joined: true, attempts: 1 } }, 'to the engine it was one attempt');
});

void t.test('any other exit code: five attempts with pauses, then the node has failed with its last words', async (test) => {
  const setting = await Setting.of(test, readyNodes(1, 2));
  setting.exitCode = (node) => (node === 'web-2' ? 1 : 0);
  let waitMs = await setting.look();
  const waits = [waitMs];
  const waiting = await setting.node(2);
  test.match(waiting, { phase: 'joining', membership: { attempts: 1, joined: false } });
  test.match(waiting.waiting?.reason, /step join on web-2: exit code 1: no quorum/, 'it says why it waits');
  test.equal(waiting.waiting?.nextTryAt, waiting.membership?.nextTryAt, 'and when it is tried again');
  await setting.look();
  test.equal((await setting.node(2)).membership?.attempts, 1, 'a wake-up before that changes nothing');
  for (let attempt = 2; attempt <= 5; attempt += 1) {
    await setting.clock.advance(Number(waitMs));
    waitMs = await setting.look();
    waits.push(waitMs);
  }
  test.match(await setting.node(2), { phase: 'failed', lastError: { code: 'WO_NODE_JOIN_FAILED', message: /no quorum/ }, membership: { attempts: 5 } });
  test.equal(waits.at(-1), undefined, 'nothing is left to wait for');
  test.equal(setting.joins.filter((join) => join.startsWith('web-2')).length, 5);
  const events = await eventsAfter(setting.store);
  test.equal(events.filter((event) => event === 'node.join web-2 WO_NODE_JOIN_FAILED').length, 4, 'each failure that is tried again is told');
  test.ok(events.includes('node.phase web-2 WO_NODE_JOIN_FAILED'), 'and the end');
  test.equal((await setting.family()).cluster.health, 'one', 'those that have joined are a cluster');
});

void t.test('a seed that cannot begin does not hold up the family', async (test) => {
  const setting = await Setting.of(test, readyNodes(1, 2));
  setting.exitCode = (node, attempt) => (node === 'web-1' && attempt === 1 ? 1 : 0);
  const waitMs = await setting.look();
  test.same(setting.joins, ['web-1', 'web-2'], 'the next one is the seed');
  await setting.clock.advance(Number(waitMs));
  await setting.look();
  test.same(setting.joins, ['web-1', 'web-2', 'web-1 web-2'], 'and the first joins it');
  test.equal((await setting.family()).cluster.health, 'one');
});

void t.test('a node that was restarted joins again, with the others as contacts', async (test) => {
  const setting = await Setting.of(test, readyNodes(1, 2, 3));
  await setting.look();
  setting.joins.length = 0;
  await change(setting.store, 'nodes', idNumber('node', 1), { startId: 'start-1b', phase: 'ready' });
  await setting.look();
  test.same(setting.joins, ['web-1 web-2 web-3'], 'though it was the seed');
  test.match(await setting.node(1), { phase: 'running', membership: { startId: 'start-1b', joined: true } });
});

void t.test('a process that ends in the midst of its join is not taken for a member', async (test) => {
  const setting = await Setting.of(test, readyNodes(1, 2));
  let isSwapped = false;
  setting.exitCode = (node) => (node === 'web-2' && !isSwapped ? undefined : 0);
  const looking = setting.look();
  while (setting.joins.length < 2) await settle();
  const [, exec] = setting.fleet.execs;
  isSwapped = true;
  await change(setting.store, 'nodes', idNumber('node', 2), { startId: 'start-2b', phase: 'ready' });
  setting.steps.take(exec!.hostId, outcomeOf(exec!));
  await looking;
  test.same(setting.joins, ['web-1', 'web-2 web-1', 'web-2 web-1'], 'the new process has a join of its own');
  test.match((await setting.node(2)).membership, { startId: 'start-2b', joined: true });
});

void t.test('a coordinator that is started in the midst of a join goes on with it', async (test) => {
  const setting = await Setting.of(test, readyNodes(1, 2));
  setting.exitCode = (node) => (node === 'web-2' ? undefined : 0);
  const stop = new AbortController();
  const looking = setting.controller.reconcile(family.id, stop.signal);
  looking.catch(() => undefined);
  while (setting.joins.length < 2) await settle();
  stop.abort(new Error('killed'));
  await test.rejects(looking, { message: 'killed' });
  test.equal((await setting.node(2)).phase, 'joining', 'left in the middle');
  setting.restart();
  setting.exitCode = () => 0;
  test.same(await setting.controller.all(), [family.id], 'the first sweep finds it');
  await setting.look();
  test.same(setting.joins.slice(2), ['web-2 web-1'], 'the seed is not asked again');
  test.same(await setting.phases(), ['running', 'running']);
});

void t.test('nodes that do not see each other: an event that names the parts', async (test) => {
  const setting = await Setting.of(test, readyNodes(1, 2, 3));
  const join = setting.exitCode;
  setting.exitCode = (node, attempt) => {
    if (node === 'web-3') setting.links.length = 0;
    return join(node, attempt);
  };
  await setting.look();
  setting.links.splice(0, 9, ['web-1', 'web-2']);
  await change(setting.store, 'nodes', idNumber('node', 3), { startId: 'start-3b', membership: { startId: 'start-3b', joined: true, contactIds: [], attempts: 1 } });
  await setting.look();
  test.same((await setting.family()).cluster, { health: 'split', parts: [['web-1', 'web-2'], ['web-3']] });
  const split = (await setting.store.read.events.list({ afterSequence: 0, limit: 99, typePrefix: 'cluster.split' }))[0];
  test.match(split, { reason: 'WO_CLUSTER_SPLIT', message: /web-1 \+ web-2 \| web-3/ });
});

void t.test('a strategy that does not run: joins are tried again and fail with the reason; it tells nothing of a cluster', async (test) => {
  const setting = await Setting.of(test, readyNodes(1, 2));
  setting.strategies.unavailable = 'its program is away';
  await setting.look();
  test.match(await setting.node(1), { phase: 'joining', waiting: { reason: 'strategy(serial): its program is away' } });
  setting.strategies.unavailable = undefined;
  await setting.clock.advance(60_000);
  await setting.look();
  test.same(await setting.phases(), ['running', 'running'], 'once it is back');

  const healthy = await setting.family();
  await change(setting.store, 'families', family.id, { cluster: { health: 'forming', parts: [] } });
  setting.strategies.unavailable = 'its program is away';
  setting.restart();
  await test.rejects(setting.look(), { code: 'WO_PLUGIN_UNAVAILABLE' }, 'to be looked at again');
  test.same((await setting.family()).cluster, { health: 'forming', parts: [], unseen: 'strategy(serial): its program is away' }, 'not split');
  setting.strategies.unavailable = undefined;
  await setting.look();
  test.same((await setting.family()).cluster, healthy.cluster);

  await change(setting.store, 'nodes', idNumber('node', 2), { startId: 'start-2b' });
  setting.strategies.unavailable = 'its program stays away';
  for (let round = 0; round < 6; round += 1) {
    // Once the node is given up, the other one is asked whom it sees.
    await setting.look().catch(() => undefined);
    await setting.clock.advance(60_000);
  }
  test.match(await setting.node(2), { phase: 'failed', lastError: { code: 'WO_PLUGIN_UNAVAILABLE', message: 'strategy(serial): its program stays away' } });
});

void t.test('a process that is gone when its join is planned is not joined', async (test) => {
  const setting = await Setting.of(test, readyNodes(1));
  setting.strategies.meanwhile = async () => {
    setting.strategies.meanwhile = undefined;
    await change(setting.store, 'nodes', idNumber('node', 1), { startId: 'start-1b', phase: 'starting' });
  };
  await setting.look();
  test.same(setting.joins, []);
  test.equal((await setting.node(1)).phase, 'starting');
  await change(setting.store, 'nodes', idNumber('node', 1), { phase: 'ready' });
  await setting.look();
  test.same(setting.joins, ['web-1'], 'the next one is');
});

void t.test('members are asked once, and again when an operation waits for it', async (test) => {
  const setting = await Setting.of(test, readyNodes(1, 2));
  const asked = (): number => setting.fleet.execs.filter(({ job }) => job.action?.kind?.$case === 'command' && job.action.kind.value.argv[0] === 'members').length;
  await setting.look();
  test.equal(asked(), 2, 'each member');
  await setting.look();
  test.equal(asked(), 2, 'nothing has changed');
  await change(setting.store, 'families', family.id, { cluster: { health: 'forming', parts: [] } });
  await setting.look();
  test.equal(asked(), 4, 'a start of nodes that run already must not wait for ever');
  test.equal((await setting.family()).cluster.health, 'one');
});

void t.test('the cluster is judged when all nodes of the operation are there, not before', async (test) => {
  const setting = await Setting.of(test, [...readyNodes(1), nodeRow(family.id, 2, { phase: 'starting' })]);
  await put(setting.store, 'operations', operationRow({ familyId: family.id }));
  await change(setting.store, 'families', family.id, { cluster: { health: 'forming', parts: [] } });
  await setting.look();
  test.equal((await setting.family()).cluster.health, 'forming', 'one of two is no answer');
  test.same(setting.fleet.execs.length, setting.joins.length, 'and nobody is asked: thousands of nodes come one by one');
  await change(setting.store, 'nodes', idNumber('node', 2), { phase: 'ready' });
  await setting.look();
  test.equal((await setting.family()).cluster.health, 'one');
});

void t.test('a node that nobody waits for does not keep the cluster from being judged', async (test) => {
  const setting = await Setting.of(test, [...readyNodes(1), nodeRow(family.id, 2, { phase: 'starting' })]);
  await setting.look();
  test.equal((await setting.family()).cluster.health, 'one', 'no operation is under way');
});

void t.test('a host without a session is no reason to give up at once', async (test) => {
  const setting = await Setting.of(test, readyNodes(1), { bootstrap: { strategy: 'serial', options: { deadlineMs: '100' } } });
  setting.fleet.connected.clear();
  const waitMs = await setting.look();
  test.ok(Number(waitMs) > 0, 'it is tried again');
  test.match((await setting.node(1)).waiting?.reason, /has no session/);
  test.equal((await setting.node(1)).membership?.attempts, 0, 'nothing was tried');
  setting.fleet.connect(idNumber('host', 1));
  await setting.clock.advance(Number(waitMs));
  await setting.look();
  test.equal((await setting.node(1)).phase, 'running');
});

void t.test('another host cannot answer for the one that was asked', async (test) => {
  const setting = await Setting.of(test, readyNodes(1));
  setting.exitCode = () => undefined;
  const stop = new AbortController();
  const looking = setting.controller.reconcile(family.id, stop.signal);
  looking.catch(() => undefined);
  while (setting.joins.length < 1) await settle();
  test.equal(setting.steps.take(idNumber('host', 2), outcomeOf(setting.fleet.execs[0]!)), true, 'it is nobody else\'s');
  await settle(20);
  test.equal((await setting.node(1)).phase, 'joining', 'and has changed nothing');
  setting.steps.take(idNumber('host', 1), outcomeOf(setting.fleet.execs[0]!));
  await settle(20);
  test.equal((await setting.node(1)).membership?.joined, true);
  stop.abort(new Error('over'));
  await looking.catch(() => undefined);
});

void t.test('while the members are silent nobody begins a second cluster; it says whom it waits for', async (test) => {
  const setting = await Setting.of(test, readyNodes(1));
  await setting.look();
  await change(setting.store, 'nodes', idNumber('node', 1), { phase: 'unknown' });
  await put(setting.store, 'hosts', hostRow(2));
  await put(setting.store, 'nodes', ...readyNodes(2));
  setting.fleet.connect(idNumber('host', 2));
  await setting.look();
  await setting.look();
  test.same(setting.joins, ['web-1'], 'web-2 has not begun');
  test.match(await setting.node(2), { phase: 'ready', waiting: { reason: 'the member web-1 cannot be reached now, and without a contact it would begin a second cluster' } });
  test.equal((await eventsAfter(setting.store)).filter((event) => event === 'node.join web-2 WO_HOST_UNREACHABLE').length, 1, 'told once');
  await change(setting.store, 'nodes', idNumber('node', 1), { phase: 'running' });
  await setting.look();
  test.same(setting.joins, ['web-1', 'web-2 web-1'], 'once it is back');
  test.equal((await setting.node(2)).waiting, undefined);

  await change(setting.store, 'nodes', idNumber('node', 1), { phase: 'unknown', desired: 'absent' });
  await change(setting.store, 'nodes', idNumber('node', 2), { startId: 'start-2b', phase: 'ready' });
  await setting.look();
  test.equal(setting.joins.at(-1), 'web-2', 'one that shall go is waited for no more');
});

void t.test('a cluster is looked at again though its members stay the same: a network may part them and bring them together', async (test) => {
  const setting = await Setting.of(test, readyNodes(1, 2));
  const againInMs = Number(await setting.look());
  test.equal((await setting.family()).cluster.health, 'one');
  setting.links.length = 0;
  await setting.clock.advance(againInMs - 1);
  await setting.look();
  test.equal((await setting.family()).cluster.health, 'one', 'not at each wake-up');
  await setting.clock.advance(1);
  const soonerInMs = Number(await setting.look());
  test.same((await setting.family()).cluster, { health: 'split', parts: [['web-1'], ['web-2']] });
  test.ok(soonerInMs > 0 && soonerInMs < againInMs, `${soonerInMs} ms: what is split is looked at more often`);
  setting.links.push(['web-1', 'web-2']);
  await setting.clock.advance(soonerInMs);
  await setting.look();
  test.equal((await setting.family()).cluster.health, 'one');
  test.same((await eventsAfter(setting.store)).filter((event) => event.startsWith('cluster')).map((event) => event.split(' ')[0]), ['cluster.one', 'cluster.split', 'cluster.one']);
});

void t.test('a host without a session says nothing of the cluster', async (test) => {
  const setting = await Setting.of(test, readyNodes(1, 2));
  const againInMs = Number(await setting.look());
  setting.fleet.connected.delete(idNumber('host', 2));
  await setting.clock.advance(againInMs);
  await test.rejects(setting.look(), { code: 'WO_HOST_UNREACHABLE' }, 'to be looked at again');
  test.equal((await setting.family()).cluster.health, 'one', 'not split');
});
