import t, { type Test } from 'tap';
import { Hello, NodePhase as AgentPhase, NodeStatus } from '@wombat/proto/agent';
import type { Event } from '../domain/model/event.js';
import { ManualClock } from '../fleet/testing/manual-clock.js';
import type { Store } from '../store/store.js';
import { idNumber } from '../testing/counting-ids.js';
import { FakeFleet } from '../testing/fake-fleet.js';
import { FakeStrategies } from '../testing/fake-strategies.js';
import { LogBook } from '../testing/log-book.js';
import { familyRow, hostRow, nodeRow } from '../testing/rows.js';
import { openTestStore, put, row } from '../testing/test-store.js';
import { AgentReports } from './agent-reports.js';
import { BoundedHistory, toldInWindow, windowMs } from './bounded-history.js';
import { HostSilence } from './host-silence.js';

const family = familyRow({}, {}, 1);
const [hostId, nodeId, quietId] = [idNumber('host', 1), idNumber('node', 1), idNumber('node', 2)];

interface Setting {
  readonly store: Store;
  readonly clock: ManualClock;
  readonly history: BoundedHistory;
  readonly log: LogBook;
  says(phase: AgentPhase, of?: string): Promise<void>;
  /** Silent and back. */
  flapHost(): Promise<void>;
  events(): Promise<Event[]>;
}

async function setting(test: Test): Promise<Setting> {
  const [clock, log, fleet] = [new ManualClock(), new LogBook(), new FakeFleet()];
  const store = await openTestStore(test, clock);
  await put(store, 'families', family);
  await put(store, 'hosts', hostRow(1));
  await put(store, 'nodes', nodeRow(family.id, 1, { hostId, phase: 'failed' }), nodeRow(family.id, 2, { hostId, phase: 'failed' }));
  const history = new BoundedHistory({ store, clock, log });
  const silence = new HostSilence({ store, clock, fleet, history });
  const reports = new AgentReports({
    store, clock, strategies: new FakeStrategies(), history, fullSync: async () => [], outcomes: async () => [],
    connected: (id) => silence.spoke(id), silent: (...silent) => silence.fellSilent(...silent),
  });
  return {
    store, clock, history, log,
    says: (phase, of = nodeId) => reports.onStatus(hostId, [{ ...NodeStatus.decode(Buffer.alloc(0)), nodeId: of, generation: 1n, startId: 'start-1', phase }], false),
    flapHost: async () => {
      silence.fellSilent(hostId, 'it was cut', 0);
      await clock.advance(2_001);
      await silence.judge(await row(store, 'hosts', hostId));
      await reports.onConnected(hostId, Hello.fromPartial({ agentTime: new Date(clock.now()) }));
    },
    events: async () => await store.read.events.list({ afterSequence: 0, limit: 10_000 }),
  };
}

const flap = async ({ says }: Setting, times: number): Promise<void> => {
  for (let time = 0; time < times; time += 1) await says(time % 2 === 0 ? AgentPhase.STARTING : AgentPhase.READY);
};

function checkGapless(t: Test, events: readonly Event[]): void {
  t.strictSame(events.map(({ sequence }) => sequence), events.map((_, index) => index + 1), 'no sequence number is left out');
}

t.test('a node that flaps is told so often, and the rest in one event that shows its last state', async (t) => {
  const world = await setting(t);
  await flap(world, 500);
  await world.says(AgentPhase.STARTING, quietId);
  t.equal((await world.events()).length, toldInWindow + 1, 'the first are told, and its neighbour is not kept quiet');
  t.equal((await row(world.store, 'nodes', nodeId)).phase, 'running', 'the node itself has its true phase');
  await world.history.closeWindows();
  t.equal((await world.events()).length, toldInWindow + 1, 'nothing more before the minute is over');
  await world.clock.advance(windowMs);
  await world.history.closeWindows();
  const events = await world.events();
  t.equal(events.length, toldInWindow + 2, 'then one');
  t.match(events[0], { type: 'node.phase', nodeId, reason: 'starting' }, 'the first state is there');
  t.match(events.at(-1), {
    type: 'node.phase', nodeId, hostId, familyId: family.id, reason: 'running', message: / is running … and 439 more in the last minute$/, payload: { phase: 'running', leftOut: 439 },
  }, 'and the last');
  checkGapless(t, events);
  await flap(world, 2);
  t.equal((await world.events()).length, toldInWindow + 4, 'in the next minute it is told again');
});

t.test('hours of flapping grow the history by the minute, not by what happened', async (t) => {
  const world = await setting(t);
  for (let minute = 0; minute < 5; minute += 1) {
    await flap(world, 200);
    await world.clock.advance(windowMs);
    await world.history.closeWindows();
  }
  const events = await world.events();
  t.equal(events.length, 5 * (toldInWindow + 1), 'of 1,000 changes');
  checkGapless(t, events);
});

t.test('one that was left out is told as it was', async (t) => {
  const world = await setting(t);
  await flap(world, toldInWindow + 1);
  await world.clock.advance(windowMs);
  await world.history.closeWindows();
  t.match((await world.events()).at(-1), { reason: 'starting', message: / is starting$/, payload: { phase: 'starting' } });
});

t.test('what comes when the minute is over and not told yet does not come before it', async (t) => {
  const world = await setting(t);
  await flap(world, toldInWindow + 5);
  await world.clock.advance(windowMs + 1);
  await world.says(AgentPhase.CONFIGURING);
  await world.history.closeWindows();
  t.match((await world.events()).at(-1), { reason: 'configuring', message: /is configuring … and 5 more/ }, 'it is the last state');
});

t.test('an agent that comes and goes', async (t) => {
  const world = await setting(t);
  for (let times = 0; times < 200; times += 1) await world.flapHost();
  await world.clock.advance(windowMs);
  await world.history.closeWindows();
  const events = (await world.events()).filter(({ type }) => type === 'host.phase');
  // 400 s have passed, and each time there are two events: 60 a minute.
  t.ok(events.length <= 8 * (toldInWindow + 1), `${events.length} events of 400`);
  t.match(events.at(-1), { reason: 'up' }, 'it is up in the end');
});

t.test('the end of the coordinator tells what is left, and a store that fails loses nothing', async (t) => {
  const world = await setting(t);
  await flap(world, toldInWindow + 10);
  await world.clock.advance(windowMs);
  const transaction = world.store.transaction;
  world.store.transaction = () => Promise.reject(new Error('the disk is full'));
  await t.rejects(world.history.closeWindows(), { message: 'the disk is full' });
  world.store.transaction = transaction;
  await world.history.stop();
  t.match((await world.events()).at(-1), { reason: 'running', payload: { leftOut: 9 } });
});
