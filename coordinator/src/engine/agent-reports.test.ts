import t, { type Test } from 'tap';
import { WombatError } from '@wombat/proto';
import { Facts, Hello, NodePhase as AgentPhase, NodeStatus } from '@wombat/proto/agent';
import type { Host } from '../domain/model/host.js';
import type { Node } from '../domain/model/node.js';
import { ManualClock } from '../fleet/testing/manual-clock.js';
import type { NewObject, Store } from '../store/store.js';
import { idNumber } from '../testing/counting-ids.js';
import { FakeFleet } from '../testing/fake-fleet.js';
import { FakeStrategies } from '../testing/fake-strategies.js';
import { LogBook } from '../testing/log-book.js';
import { familyRow, hostRow, nodeRow } from '../testing/rows.js';
import { change, eventsAfter, openTestStore, put, row } from '../testing/test-store.js';
import { AgentReports } from './agent-reports.js';
import { BoundedHistory } from './bounded-history.js';
import { HostSilence } from './host-silence.js';

const clusterless = familyRow({}, {}, 1);
const clustered = familyRow({}, { bootstrap: { strategy: 'serial', options: {} } }, 2);
const nodeId = idNumber('node', 1);
const hostId = idNumber('host', 1);

interface Setting {
  readonly store: Store;
  readonly clock: ManualClock;
  readonly silence: HostSilence;
  readonly fleet: FakeFleet;
  readonly reports: AgentReports;
  readonly connected: string[];
}

async function setting(test: Test, node: Partial<NewObject<Node>> = {}, host: Partial<NewObject<Host>> = {}): Promise<Setting> {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  await put(store, 'families', clusterless, clustered);
  await put(store, 'hosts', hostRow(1, host), hostRow(2));
  await put(store, 'nodes', nodeRow(clusterless.id, 1, node));
  const connected: string[] = [];
  const fleet = new FakeFleet();
  const history = new BoundedHistory({ store, clock, log: new LogBook() });
  const silence = new HostSilence({ store, clock, fleet, history });
  const reports = new AgentReports({
    store, clock, strategies: new FakeStrategies(), history,
    fullSync: async () => [], outcomes: async () => [],
    connected: (id) => {
      silence.spoke(id);
      connected.push(id);
    },
    silent: (...silent) => silence.fellSilent(...silent),
  });
  return { store, clock, silence, fleet, reports, connected };
}

const says = (fields: Partial<NodeStatus>): NodeStatus[] => [{ ...NodeStatus.decode(Buffer.alloc(0)), nodeId, generation: 1n, startId: 'start-1', ...fields }];
const nodeOf = ({ store }: Setting): Promise<Node> => row(store, 'nodes', nodeId);

const phases: readonly [said: AgentPhase, strategy: string, node: Partial<NewObject<Node>>, becomes: string][] = [
  [AgentPhase.PENDING, 'none', {}, 'pending'],
  [AgentPhase.FETCHING, 'none', {}, 'fetching'],
  [AgentPhase.CONFIGURING, 'none', {}, 'configuring'],
  [AgentPhase.STARTING, 'none', {}, 'starting'],
  [AgentPhase.STOPPING, 'none', {}, 'stopping'],
  [AgentPhase.STOPPED, 'none', { desired: 'stopped' }, 'stopped'],
  [AgentPhase.FAILED, 'none', {}, 'failed'],
  [AgentPhase.UNSPECIFIED, 'none', {}, 'starting'],
  [99 as AgentPhase, 'none', {}, 'starting'],
  [AgentPhase.READY, 'none', {}, 'running'],
  [AgentPhase.READY, 'serial', {}, 'ready'],
  [AgentPhase.READY, 'serial', { membership: { startId: 'start-1', contactIds: [], joined: false, attempts: 1 } }, 'joining'],
  [AgentPhase.READY, 'serial', { membership: { startId: 'start-1', contactIds: [], joined: true, attempts: 1 } }, 'running'],
  [AgentPhase.READY, 'serial', { membership: { startId: 'start-0', contactIds: [], joined: true, attempts: 1 } }, 'ready'],
  [AgentPhase.READY, 'serial', { phase: 'failed', membership: { startId: 'start-1', contactIds: [], joined: false, attempts: 5 } }, 'failed'],
  [AgentPhase.READY, 'serial', { phase: 'failed', membership: { startId: 'start-0', contactIds: [], joined: false, attempts: 5 } }, 'ready'],
  [AgentPhase.ABSENT, 'none', { desired: 'absent' }, 'gone'],
  [AgentPhase.ABSENT, 'none', { desired: 'running' }, 'starting'],
  [AgentPhase.READY, 'none', { phase: 'unknown' }, 'running'],
];

for (const [said, strategy, fields, becomes] of phases) {
  const membership = fields.membership ? `, ${fields.membership.joined ? 'joined' : 'not joined'} by ${fields.membership.startId}` : '';
  void t.test(`${AgentPhase[said] ?? said} with strategy ${strategy}${membership}, ${fields.phase ?? 'starting'}: ${becomes}`, async (test) => {
    const of = await setting(test, { phase: 'starting', familyId: strategy === 'none' ? clusterless.id : clustered.id, ...fields });
    await of.reports.onStatus(hostId, says({ phase: said }), false);
    const node = await nodeOf(of);
    test.equal(node.phase, becomes, 'the phase that is stored');
    const hasMoved = becomes !== (fields.phase ?? 'starting');
    test.equal((await eventsAfter(of.store)).length, hasMoved ? 1 : 0, 'an event for a transition, and for nothing else');
  });
}

void t.test('a report on an older wish is not taken for the outcome of the new one', async (test) => {
  const of = await setting(test, { generation: 3, observedGeneration: 2, desired: 'stopped', phase: 'stopping' });
  await of.reports.onStatus(hostId, says({ generation: 2n, phase: AgentPhase.STOPPED }), true);
  test.match(await nodeOf(of), { phase: 'stopping', observedGeneration: 2 }, 'generation 2 says nothing about 3');
  await of.reports.onStatus(hostId, says({ generation: 3n, phase: AgentPhase.STOPPED }), true);
  test.match(await nodeOf(of), { phase: 'stopped', observedGeneration: 3 });
});

void t.test('a process that is about to end is not the restarted one', async (test) => {
  const of = await setting(test, { generation: 2, phase: 'stopping', startId: 'start-1' });
  await of.reports.onStatus(hostId, says({ generation: 2n, phase: AgentPhase.READY, startId: 'start-1' }), false);
  test.equal((await nodeOf(of)).phase, 'stopping', 'the restart has not happened yet');
  await of.reports.onStatus(hostId, says({ generation: 2n, phase: AgentPhase.READY, startId: 'start-2' }), false);
  test.match(await nodeOf(of), { phase: 'running', startId: 'start-2' }, 'now it has');
});

void t.test('an agent speaks of the nodes of its own host only', async (test) => {
  const of = await setting(test);
  await of.reports.onStatus(idNumber('host', 2), says({ phase: AgentPhase.FAILED }), false);
  await of.reports.onStatus(hostId, says({ nodeId: idNumber('node', 77), phase: AgentPhase.FAILED }), false);
  test.equal((await nodeOf(of)).phase, 'running', 'another host\'s word changes nothing, a node that nobody knows neither');
  test.same(await eventsAfter(of.store), ['host.unknown-node cloud-1 unknown-node'], 'which is told');
});

void t.test('what is gone stays gone', async (test) => {
  const of = await setting(test, { phase: 'gone', desired: 'absent' });
  await of.reports.onStatus(hostId, says({ phase: AgentPhase.READY, generation: 9n }), true);
  test.equal((await nodeOf(of)).phase, 'gone');
});

void t.test('a process that ended and came back is told, with its last lines', async (test) => {
  const of = await setting(test);
  const lastError = { code: 'WO_NODE_EXITED', message: 'exit code 1', hint: 'see its log', details: {} };
  await of.reports.onStatus(hostId, says({ phase: AgentPhase.READY, startId: 'start-2', restarts: 1, pid: 77n, lastError, logTail: 'out of memory' }), false);
  test.same(await eventsAfter(of.store), ['node.exited web-1 WO_NODE_EXITED', 'node.phase web-1 running'], 'though its phase is what it was');
  const [exited] = await of.store.read.events.list({ afterSequence: 0, limit: 1 });
  test.match(exited, { message: /exit code 1/, payload: { restarts: 1, logTail: 'out of memory' } });
  test.match(await nodeOf(of), { pid: 77, restarts: 1, startId: 'start-2', lastError: { code: 'WO_NODE_EXITED', hint: 'see its log' } });
  await of.reports.onStatus(hostId, says({ phase: AgentPhase.READY, startId: 'start-2', restarts: 1, pid: 77n }), false);
  test.equal((await eventsAfter(of.store)).length, 2, 'said again it is no news');
});

void t.test('what a node waits for is stored with it, and over when it moves on', async (test) => {
  const of = await setting(test, { phase: 'starting' });
  await of.reports.onStatus(hostId, says({ phase: AgentPhase.FETCHING, waiting: { reason: 'the coordinator is away', since: new Date(5), nextTryAt: new Date(9) } }), false);
  test.same((await nodeOf(of)).waiting, { reason: 'the coordinator is away', since: 5, nextTryAt: 9 });
  await of.reports.onStatus(hostId, says({ phase: AgentPhase.STARTING }), false);
  test.notOk((await nodeOf(of)).waiting);
});

void t.test('a silent host: not at once, then it and its nodes are unknown, and come back', async (test) => {
  const of = await setting(test);
  const fellSilentAt = of.clock.now();
  await of.reports.onSilent(hostId, 'the stream of its agent ended', 0);
  const leftMs = Number(await of.silence.judge(await row(of.store, 'hosts', hostId)));
  test.ok(leftMs > 0, 'an agent that is restarted has a moment');
  await of.clock.advance(leftMs);
  await of.silence.judge(await row(of.store, 'hosts', hostId));
  test.match(await row(of.store, 'hosts', hostId), { phase: 'unknown', waiting: { reason: 'the stream of its agent ended' }, lastSeenAt: fellSilentAt });
  test.match(await nodeOf(of), { phase: 'unknown', waiting: { reason: 'cloud-1 is silent' } });
  test.equal((await row(of.store, 'hosts', idNumber('host', 2))).phase, 'up', 'others are not touched');
  of.fleet.connect(hostId);
  await of.reports.onConnected(hostId, Hello.decode(Buffer.alloc(0)));
  const host = await row(of.store, 'hosts', hostId);
  test.equal(host.phase, 'up');
  test.notOk(host.waiting, 'it waits for nothing');
  await of.reports.onStatus(hostId, says({ phase: AgentPhase.READY }), true);
  test.equal((await nodeOf(of)).phase, 'running', 'the first report tells how the nodes are');
  test.same(await eventsAfter(of.store), ['host.phase cloud-1 unknown', 'node.phase web-1 unknown', 'host.phase cloud-1 up', 'node.phase web-1 running']);
});

void t.test('a host of which nothing was heard for long enough is silent at once', async (test) => {
  const of = await setting(test);
  await of.reports.onSilent(hostId, 'no frame for 12 s', 12_001);
  test.equal(await of.silence.judge(await row(of.store, 'hosts', hostId)), undefined, 'it is not waited for again');
  test.match(await row(of.store, 'hosts', hostId), { phase: 'unknown', waiting: { reason: 'no frame for 12 s' } });
});

void t.test('a journal that an agent found damaged is told', async (test) => {
  const of = await setting(test);
  const damage = { journal: 'nodes.journal', keptAs: 'nodes.journal.damaged-1', reason: 'it is empty' };
  await of.reports.onConnected(hostId, Hello.fromPartial({ journalDamages: [damage] }));
  test.match((await of.store.read.events.list({ afterSequence: 0, limit: 100 })).at(-1), {
    type: 'host.journal-damaged', hostId, payload: damage, message: 'nodes.journal of the agent of cloud-1 was damaged: it is empty; it was put aside as nodes.journal.damaged-1',
  });
});

void t.test('a node that drains goes on draining, whatever its agent tells of the process that still runs', async (test) => {
  const drain = { since: 5, stage: 'hook', then: { desired: 'stopped' } } as const;
  const of = await setting(test, { phase: 'draining', draining: drain });
  await of.reports.onStatus(hostId, says({ phase: AgentPhase.READY }), true);
  test.match(await nodeOf(of), { phase: 'draining', draining: drain, generation: 1 });
  await of.reports.onSilent(hostId, 'its stream ended', 0);
  await of.clock.advance(2_000);
  await of.silence.judge(await row(of.store, 'hosts', hostId));
  test.match(await nodeOf(of), { phase: 'unknown', draining: drain }, 'silence does not end it');
  await of.reports.onStatus(hostId, says({ phase: AgentPhase.READY }), true);
  test.match(await nodeOf(of), { phase: 'draining', draining: drain }, 'nor does the end of silence');
  await of.reports.onStatus(hostId, says({ phase: AgentPhase.FAILED }), true);
  const over = await nodeOf(of);
  test.match(over, { phase: 'stopping', desired: 'stopped', generation: 2 }, 'a process that is gone cannot be drained: what follows, follows');
  test.equal(over.draining, undefined);
});

void t.test('a host that is drained and falls silent is unknown, and its drain goes on when it comes back', async (test) => {
  const drain = { since: 5, stage: 'hook', then: { desired: 'absent' } } as const;
  const of = await setting(test, { phase: 'draining', draining: drain }, { phase: 'draining' });
  const host = (): Promise<Host> => row(of.store, 'hosts', hostId);
  of.fleet.connect(hostId);
  test.equal(await of.silence.judge(await host()), undefined, 'one that talks is not silent');
  of.fleet.connected.delete(hostId);
  await of.reports.onSilent(hostId, 'its stream ended', 0);
  await of.clock.advance(2_000);
  await of.silence.judge(await host());
  test.match(await host(), { phase: 'unknown', isDraining: true, waiting: { reason: 'its stream ended; its drain goes on when it comes back' } });
  test.match(await nodeOf(of), { phase: 'unknown', desired: 'running', draining: drain }, 'its node has not failed');
  for (const phase of ['unknown', 'lost'] as const) {
    await change(of.store, 'hosts', hostId, { phase, isDraining: true });
    await of.reports.onConnected(hostId, Hello.fromPartial({}));
    test.equal((await host()).phase, 'draining', `nothing is placed on it after it was ${phase}`);
    test.notOk((await host()).isDraining, 'its phase says so again');
  }
  await of.reports.onStatus(hostId, says({ phase: AgentPhase.READY }), true);
  test.match(await nodeOf(of), { phase: 'draining', draining: drain });
});

void t.test('an agent that is back within the moment was never away', async (test) => {
  const of = await setting(test);
  await of.reports.onSilent(hostId, 'its stream ended', 0);
  of.fleet.connect(hostId);
  await of.reports.onConnected(hostId, Hello.decode(Buffer.alloc(0)));
  await of.clock.advance(60_000);
  test.equal(await of.silence.judge(await row(of.store, 'hosts', hostId)), undefined);
  test.same(await eventsAfter(of.store), [], 'nothing is told');
});

void t.test('hosts that do not come back after the coordinator\'s start are noticed too', async (test) => {
  const of = await setting(test);
  const leftMs = Number(await of.silence.judge(await row(of.store, 'hosts', hostId)));
  test.ok(leftMs >= 15_000, 'agents come back spread over a quarter of a minute');
  await of.clock.advance(leftMs);
  await of.silence.judge(await row(of.store, 'hosts', hostId));
  test.equal((await row(of.store, 'hosts', hostId)).phase, 'unknown');
});

for (const phase of ['requested', 'creating', 'booting', 'unknown', 'failed'] as const) {
  void t.test(`the first session of a host that is ${phase} makes it up`, async (test) => {
    const of = await setting(test, {}, { phase, lastError: { code: 'WO_PROVIDER_UNAVAILABLE', message: 'm', hint: '' }, waiting: { reason: 'r', since: 0 } });
    await of.reports.onConnected(hostId, Hello.decode(Buffer.alloc(0)));
    const host = await row(of.store, 'hosts', hostId);
    test.match(host, { phase: 'up', lastSeenAt: of.clock.now() });
    test.notOk(host.waiting ?? host.lastError, 'what was wrong is over');
    test.same(of.connected, [hostId], 'its assignments and jobs are looked after');
  });
}

for (const phase of ['destroying', 'gone', 'up'] as const) {
  void t.test(`a host that shall be absent and is ${phase} does not come back`, async (test) => {
    const of = await setting(test, {}, { phase, desired: 'absent' });
    await of.reports.onConnected(hostId, Hello.decode(Buffer.alloc(0)));
    test.equal((await row(of.store, 'hosts', hostId)).phase, phase);
  });
}

void t.test('facts are kept; the provider\'s addresses come before the agent\'s', async (test) => {
  const of = await setting(test);
  const facts = { ...Facts.decode(Buffer.alloc(0)), addresses: ['10.0.0.9'] };
  await of.reports.onFacts(hostId, facts);
  test.same((await row(of.store, 'hosts', hostId)).addresses, ['127.9.9.1']);
  await change(of.store, 'hosts', hostId, { addresses: [] });
  await of.reports.onFacts(hostId, facts);
  const host = await row(of.store, 'hosts', hostId);
  test.same(host.addresses, ['10.0.0.9'], 'a machine that somebody set up tells its own');
  test.match(host.facts, { addresses: ['10.0.0.9'] });
});

void t.test('an end in good order that the restart policy lets be is told, once', async (test) => {
  const of = await setting(test);
  const ended = says({ phase: AgentPhase.STOPPED });
  await of.reports.onStatus(hostId, ended, false);
  await of.reports.onStatus(hostId, ended, false);
  test.match(await nodeOf(of), { phase: 'stopped', desired: 'running' });
  test.same(await eventsAfter(of.store), ['node.phase web-1 stopped', 'node.ended web-1 ended']);
});

void t.test('an end that was asked for is none of its own', async (test) => {
  const of = await setting(test, { phase: 'stopping', desired: 'stopped' });
  await of.reports.onStatus(hostId, says({ phase: AgentPhase.STOPPED }), false);
  test.same(await eventsAfter(of.store), ['node.phase web-1 stopped']);
});

void t.test('what has ended in good order stays so when its host falls silent', async (test) => {
  const of = await setting(test, { phase: 'stopped' });
  of.silence.fellSilent(hostId, 'no frame for 12 s', 0);
  await of.clock.advance(60_000);
  await of.silence.judge(await row(of.store, 'hosts', hostId));
  test.equal((await row(of.store, 'hosts', hostId)).phase, 'unknown');
  test.equal((await nodeOf(of)).phase, 'stopped');
});

const tooLarge = new WombatError('WO_TEMPLATE_TOO_LARGE', 'too large for a frame');
const undelivered = (generation = 1n) => ({ nodeId, generation, desired: 1, restartGeneration: 0n, keepData: false, spec: undefined });

void t.test('what cannot be delivered fails its node, once', async (test) => {
  const of = await setting(test, { phase: 'pending' });
  await of.reports.onUndeliverable(hostId, undelivered(), tooLarge);
  await of.reports.onUndeliverable(hostId, undelivered(), tooLarge);
  test.match(await nodeOf(of), { phase: 'failed', lastError: { code: 'WO_TEMPLATE_TOO_LARGE', message: 'too large for a frame' } });
  test.same(await eventsAfter(of.store), ['node.phase web-1 WO_TEMPLATE_TOO_LARGE']);
});

const othersUndelivered: readonly [what: string, node: Partial<NewObject<Node>>, host: string][] = [
  ['something else is wanted by now', { phase: 'pending', generation: 2 }, hostId],
  ['it is gone', { phase: 'gone', desired: 'absent' }, hostId],
  ['it is on another host', { phase: 'pending' }, idNumber('host', 2)],
];

for (const [what, node, host] of othersUndelivered) {
  void t.test(`what could not be delivered says nothing of a node when ${what}`, async (test) => {
    const of = await setting(test, node);
    await of.reports.onUndeliverable(host, undelivered(), tooLarge);
    test.match(await nodeOf(of), { phase: node.phase!, lastError: undefined });
    test.same(await eventsAfter(of.store), []);
  });
}

void t.test('two machines with one identity are told of', async (test) => {
  const of = await setting(test);
  await of.reports.onDuplicateIdentity(hostId, '10.0.0.1:5', '10.0.0.2:6');
  const [event] = await of.store.read.events.list({ afterSequence: 0, limit: 9 });
  test.match(event, { hostId, reason: 'WO_DUPLICATE_IDENTITY', message: /10\.0\.0\.2:6.*cloud-1.*10\.0\.0\.1:5/ });
});

void t.test('a generation that nobody has asked for does not hide later wishes', async (test) => {
  const of = await setting(test, { generation: 2, observedGeneration: 1 });
  await of.reports.onStatus(hostId, says({ generation: 1n << 60n, phase: AgentPhase.READY }), false);
  test.equal((await nodeOf(of)).observedGeneration, 2);
});
