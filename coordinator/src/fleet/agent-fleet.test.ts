import t from 'tap';
import { status } from '@grpc/grpc-js';
import { fromServiceError, limits, newId, WombatError } from '@wombat/proto';
import { Assignment, DesiredState, ExecJob, ExecOutcome, Facts, NodePhase, NodeStatus, Outcome, Sample } from '@wombat/proto/agent';
import { FleetHarness } from './testing/fleet-harness.js';
import { settle } from './testing/manual-clock.js';
import type { Heard } from './testing/recording-listener.js';
import type { SimulatedAgent } from './testing/simulated-agent.js';

const assignmentOf = (generation: number, filler = 0): Assignment =>
  Assignment.fromPartial({
    nodeId: newId('node'),
    generation: BigInt(generation),
    desired: DesiredState.RUNNING,
    ...(filler > 0 ? { spec: { files: [{ path: 'vm.args', content: Buffer.alloc(filler, 'x'), mode: 0o644 }] } } : {}),
  });

const statusOf = (nodeId: string, phase = NodePhase.READY): NodeStatus => NodeStatus.fromPartial({ nodeId, generation: 1n, phase });

const outcomeOf = (jobId: string, targetId: string): ExecOutcome => ExecOutcome.fromPartial({ jobId, targetId, outcome: Outcome.OK });

void t.test('a session begins with Hello, Welcome and a full sync cut into frames', async (t) => {
  const harness = await FleetHarness.start(t);
  const hostId = newId('host');
  const wanted = Array.from({ length: 3_000 }, (_, index) => assignmentOf(index + 1, 100));
  harness.listener.assignments.set(hostId, wanted);
  const agent = harness.agent(hostId);
  agent.hello({ journalPosition: 41n, agentVersion: '0.1.0' });

  const welcome = await agent.next('welcome');
  t.match(welcome, { protocol: 1, beatInterval: { seconds: 4n }, sampleInterval: { seconds: 10n } }, 'Welcome names protocol and intervals');
  t.equal(welcome.coordinatorTime?.getTime(), harness.clock.now(), 'and the time of the coordinator');

  const got: Assignment[] = [];
  let frames = 0;
  for (;;) {
    const frame = await agent.next('assignments');
    t.equal(frame.first, frames === 0, `frame ${frames}: first`);
    t.ok(frame.fullSync && frame.syncId === 42n, `frame ${frames} belongs to the full sync that follows the journal`);
    got.push(...frame.assignments);
    frames += 1;
    if (frame.last) break;
  }
  t.same(got.map(({ nodeId }) => nodeId), wanted.map(({ nodeId }) => nodeId), 'every assignment came once, in order');
  t.ok(agent.received.all.every(({ sizeBytes }) => sizeBytes <= limits.sessionFrameBytes), 'no frame is over 64 KiB');
  t.ok(frames < 12, `frames are filled: ${frames}`);

  t.ok(harness.fleet.isConnected(hostId));
  t.same(harness.fleet.connectedHosts(), [hostId]);
  t.same([...harness.fleet.versions()], [['0.1.0', 1]]);
});

void t.test('changes wait behind the full sync, the newest of each node', async (t) => {
  const harness = await FleetHarness.start(t);
  const hostId = newId('host');
  const first = assignmentOf(1);
  harness.listener.assignments.set(hostId, [first]);
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  harness.listener.gate = () => gate;
  const agent = harness.agent(hostId);
  agent.hello();
  await harness.listener.next('connected');
  t.equal(harness.fleet.sendAssignments(hostId, [{ ...first, generation: 2n }]), true);
  t.equal(harness.fleet.sendAssignments(hostId, [{ ...first, generation: 4n }]), true);
  t.equal(harness.fleet.sendAssignments(hostId, [{ ...first, generation: 3n }]), true);
  t.equal(harness.fleet.sendAssignments(newId('host'), [first]), false, 'a host without a session is told');
  open();
  const full = await agent.next('assignments');
  const change = await agent.next('assignments');
  t.match(full, { syncId: 1n, fullSync: true, first: true, last: true, assignments: [{ generation: 1n }] });
  t.match(change, { syncId: 2n, fullSync: false, assignments: [{ generation: 4n }] });
  t.equal(change.assignments.length, 1);
});

void t.test('an assignment over the limit is told, the others arrive', async (t) => {
  const harness = await FleetHarness.start(t);
  const hostId = newId('host');
  const tooLarge = assignmentOf(2, limits.sessionFrameBytes);
  harness.listener.assignments.set(hostId, [assignmentOf(1), tooLarge, assignmentOf(3)]);
  const agent = harness.agent(hostId);
  agent.hello();
  const { assignments } = await agent.next('assignments');
  t.same(assignments.map(({ generation }) => generation), [1n, 3n]);
  const told = await harness.listener.next('undeliverable');
  t.equal(told.nodeId, tooLarge.nodeId);
  t.equal(told.error.code, 'WO_TEMPLATE_TOO_LARGE');
});

void t.test('an agent of another protocol is refused with the way out', async (t) => {
  const harness = await FleetHarness.start(t);
  const older = harness.agent(newId('host'));
  older.hello({ protocolMin: 0, protocolMax: 0 });
  const refusal = await older.next('refusal');
  t.equal(refusal.error?.code, 'WO_VERSION_SKEW');
  t.match(refusal.error?.hint, /upgrade the agent/);
  t.ok(Number(refusal.retryAfter?.seconds) >= 60, 'it is told to wait');
  t.equal(await older.end(), undefined, 'the stream ends');

  const newer = harness.agent(newId('host'));
  newer.hello({ protocolMin: 7, protocolMax: 9, agentVersion: '7.0.0' });
  t.match((await newer.next('refusal')).error?.hint, /upgrade the coordinator to 7\.0\.0/);
  t.same(harness.fleet.connectedHosts(), []);
  t.equal(harness.listener.heard.all.length, 0, 'the engine hears nothing of them');
});

void t.test('a stream must begin with Hello, soon', async (t) => {
  const harness = await FleetHarness.start(t);
  const rude = harness.agent(newId('host'));
  rude.send({ $case: 'beat', value: {} });
  t.equal((await rude.end())?.code, status.INVALID_ARGUMENT);

  const mute = harness.agent(newId('host'));
  mute.call.write({ frame: undefined });
  // The stream must be at the server before its time can pass.
  const other = await harness.agent(newId('host')).connect();
  await harness.clock.advance(9_000);
  other.send({ $case: 'beat', value: {} });
  await harness.clock.advance(2_000);
  t.equal((await mute.end())?.code, status.DEADLINE_EXCEEDED);
  t.ok(harness.fleet.isConnected(other.hostId), 'others are not concerned');
});

void t.test('a call without the certificate of a host is refused', async (t) => {
  const harness = await FleetHarness.start(t);
  const { sessionService } = await import('./services/session-service.js');
  const service = sessionService(harness.fleet);
  const errors: unknown[] = [];
  const call = { emit: (_: string, error: unknown) => errors.push(error) };
  (service.handlers.session as (call: unknown, context: unknown) => void)(call, { identity: { kind: 'none' } });
  (service.handlers.channel as (call: unknown, context: unknown) => void)(call, { identity: { kind: 'operator', id: 'opr-1', name: 'o', permissions: [] } });
  t.same(errors.map((error) => fromServiceError(error).code), ['WO_UNAUTHENTICATED', 'WO_UNAUTHENTICATED']);
});

void t.test('a host without any frame for 12 s is silent and cut', async (t) => {
  const harness = await FleetHarness.start(t);
  const beating = await harness.agent(newId('host')).connect();
  const still = await harness.agent(newId('host')).connect();
  for (let second = 0; second < 16; second += 4) {
    beating.send({ $case: 'beat', value: {} });
    await beatArrived(harness, beating.hostId);
    await harness.clock.advance(second < 12 ? 4_000 : 1_500);
    if (second < 8) t.equal(harness.listener.count('silent'), 0, `nobody is silent after ${second + 4} s`);
  }
  const silent = await harness.listener.next('silent');
  t.equal(silent.hostId, still.hostId);
  t.match(silent.reason, /no frame for 12 s/);
  t.ok(silent.unheardMs > 12_000, 'and it is said for how long');
  t.equal(harness.fleet.isConnected(still.hostId), false);
  t.ok(harness.fleet.isConnected(beating.hostId), 'who beats stays');
  t.equal((await still.end())?.code, status.UNAVAILABLE);
  t.equal(harness.listener.count('silent'), 1);
});

void t.test('a stall of the coordinator makes nobody silent', async (t) => {
  const harness = await FleetHarness.start(t);
  const agent = await harness.agent(newId('host')).connect();
  await harness.clock.advance(11_000);
  await harness.clock.stall(60_000);
  t.ok(harness.fleet.isConnected(agent.hostId), 'still connected after a stall of a minute');
  agent.send({ $case: 'beat', value: {} });
  await beatArrived(harness, agent.hostId);
  await harness.clock.advance(11_000);
  t.equal(harness.listener.count('silent'), 0, 'what waited in the socket counted');
  await harness.clock.advance(3_000);
  t.match(await harness.listener.next('silent'), { hostId: agent.hostId }, 'but real silence is noticed afterwards');
});

void t.test('the end of a stream is told, and the next session comes after it', async (t) => {
  const harness = await FleetHarness.start(t);
  const hostId = newId('host');
  const killed = await harness.agent(hostId).connect();
  killed.kill();
  t.match(await harness.listener.next('silent'), { hostId, reason: /stream of its agent ended/ });
  await harness.agent(hostId).connect();
  t.same(harness.listener.heard.all.map(({ kind }) => kind), ['connected', 'silent', 'connected']);

  const polite = await harness.agent(newId('host')).connect();
  polite.call.end();
  await harness.listener.next('silent', polite.hostId);
  t.equal(await polite.end(), undefined, 'an agent that ends in good order is answered so');
});

void t.test('a second agent with the same identity', async (t) => {
  await t.test('is refused while the first answers', async (t) => {
    const harness = await FleetHarness.start(t);
    const hostId = newId('host');
    const holder = await harness.agent(hostId).connect();
    const clone = harness.agent(hostId);
    clone.hello();
    await holder.next('ping');
    const refusal = await clone.next('refusal');
    t.equal(refusal.error?.code, 'WO_DUPLICATE_IDENTITY');
    const alarm = await harness.listener.next('duplicate');
    t.match(alarm.holderPeer, /^127\.0\.0\.1:\d+$/);
    t.match(alarm.refusedPeer, /^127\.0\.0\.1:\d+$/);
    t.not(alarm.holderPeer, alarm.refusedPeer, 'the alarm names both addresses');
    harness.fleet.sendExec(Buffer.from('job'), new Map([[hostId, [hostId]]]));
    await holder.next('exec');
    t.notOk(clone.received.all.some(({ frame }) => frame.$case === 'exec'), 'commands go to the first alone');
  });

  await t.test('replaces the first when that does not answer in 2 s', async (t) => {
    const harness = await FleetHarness.start(t);
    const hostId = newId('host');
    const dead = await harness.agent(hostId).connect();
    dead.answersPings = false;
    const returned = harness.agent(hostId);
    returned.hello();
    await dead.next('ping');
    const third = harness.agent(hostId);
    third.hello();
    t.equal((await third.next('refusal')).error?.code, 'WO_DUPLICATE_IDENTITY', 'only one waits');
    await harness.clock.advance(1_500);
    t.equal(returned.received.all.length, 0, 'not yet');
    await harness.clock.advance(1_000);
    await returned.next('welcome');
    t.equal((await dead.end())?.code, status.ALREADY_EXISTS);
    t.match(await harness.listener.next('silent'), { reason: /does not answer/ });
    await returned.next('assignments');
  });

  await t.test('comes in at once when the first stream ends', async (t) => {
    const harness = await FleetHarness.start(t);
    const hostId = newId('host');
    const first = await harness.agent(hostId).connect();
    first.answersPings = false;
    const second = harness.agent(hostId);
    second.hello();
    await first.next('ping');
    first.kill();
    await second.next('welcome');
    t.equal((await second.next('assignments')).fullSync, true);
  });
});

void t.test('a fan-out sends the same bytes to all, numbered for each session', async (t) => {
  const harness = await FleetHarness.start(t);
  const agents = await Promise.all(Array.from({ length: 100 }, () => harness.agent(newId('host')).connect()));
  const away = newId('host');
  const targets = new Map<string, readonly string[]>(agents.map(({ hostId }) => [hostId, [newId('node'), hostId]]));
  targets.set(away, [away]);
  for (const round of [1n, 2n, 3n]) {
    const job = Buffer.from(ExecJob.encode(ExecJob.fromPartial({ jobId: newId('job'), outputLimitBytes: round })).finish());
    t.same(harness.fleet.sendExec(job, targets), [away], 'hosts without a session are answered');
    for (const agent of agents) {
      const exec = await agent.next('exec');
      if (exec.sequence !== round) t.fail(`sequence ${exec.sequence} in round ${round}`);
      if (!job.equals(exec.job)) t.fail('the job is not byte-equal');
      if (exec.targetIds.join() !== targets.get(agent.hostId)?.join()) t.fail('other targets than asked for');
    }
  }
  const [one] = agents;
  harness.fleet.cancelExec(one!.hostId, 'job-x', []);
  t.match(await one!.next('cancelExec'), { jobId: 'job-x', targetIds: [] });
});

/** What comes with one of the next looks of the scan; the agent goes on beating. */
async function whileTicking<T>(harness: FleetHarness, agent: SimulatedAgent, awaited: Promise<T>): Promise<T> {
  let isOver = false;
  const over = awaited.finally(() => (isOver = true));
  while (!isOver) {
    agent.send({ $case: 'beat', value: {} });
    await harness.clock.advance(500);
    await settle(5);
  }
  return over;
}

void t.test('outcomes are acknowledged when they are stored, not before', async (t) => {
  const harness = await FleetHarness.start(t);
  const agent = await harness.agent(newId('host')).connect();
  let store = (): void => undefined;
  const stored = new Promise<void>((resolve) => (store = resolve));
  harness.listener.gate = ({ kind }) => (kind === 'outcomes' ? stored : Promise.resolve());
  const jobId = newId('job');
  const targets = [newId('node'), newId('node'), agent.hostId];
  for (const target of targets) agent.send({ $case: 'execOutcome', value: outcomeOf(jobId, target) });
  agent.send({ $case: 'execOutcome', value: outcomeOf(jobId, newId('host')) });
  await harness.listener.next('outcomes');
  harness.fleet.cancelExec(agent.hostId, jobId, []);
  await agent.next('cancelExec');
  t.notOk(agent.received.all.some(({ frame }) => frame.$case === 'acknowledgeOutcomes'), 'nothing is acknowledged while the store works');
  store();
  const acknowledged: string[] = [];
  while (acknowledged.length < targets.length) {
    const { outcomes } = await whileTicking(harness, agent, agent.next('acknowledgeOutcomes'));
    acknowledged.push(...outcomes.map(({ targetId }) => targetId));
  }
  t.same(acknowledged, targets, 'those of other hosts are not taken in');
});

void t.test('statuses are gathered, the newest of each node, and handed over one call at a time', async (t) => {
  const harness = await FleetHarness.start(t);
  const agent = await harness.agent(newId('host')).connect();
  const nodes = Array.from({ length: 125 }, () => newId('node'));
  for (const phase of [NodePhase.STARTING, NodePhase.READY]) {
    for (const nodeId of nodes) agent.send({ $case: 'status', value: { statuses: [statusOf(nodeId, phase)], complete: false } });
  }
  agent.send({ $case: 'status', value: { statuses: [], complete: true } });
  agent.send({ $case: 'sample', value: Sample.fromPartial({ load1m: 3 }) });
  await until(() => harness.fleet.sample(agent.hostId)?.load1m === 3);
  await harness.clock.advance(20);
  const heard = await harness.listener.next('statuses');
  t.equal(heard.statuses.length, 125);
  t.ok(heard.statuses.every(({ phase }) => phase === NodePhase.READY), 'what was overtaken is not handed over');
  t.equal(heard.isComplete, true);
  t.equal(harness.listener.count('statuses'), 1, '251 reports became one call');
  t.equal(harness.listener.maximumAtOnce, 1);
});

void t.test('an agent that reports faster than is stored is not read on', async (t) => {
  const harness = await FleetHarness.start(t, { inboundBacklogBytes: 64 * 1024 });
  const agent = await harness.agent(newId('host')).connect();
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  harness.listener.gate = ({ kind }) => (kind === 'outcomes' ? gate : Promise.resolve());
  const jobId = newId('job');
  const stdout = { head: Buffer.alloc(16 * 1024), sizeBytes: 16n, lostBytes: 0n };
  const targets = Array.from({ length: 100 }, () => newId('node'));
  for (const target of targets) agent.send({ $case: 'execOutcome', value: { ...outcomeOf(jobId, target), stdout } });
  await harness.listener.next('outcomes');
  await settle(50);
  // Nobody is silent because we do not read.
  await harness.clock.advance(30_000);
  t.equal(harness.listener.count('silent'), 0);
  const taken = (): number => harness.listener.heard.all.reduce((sum, heard) => sum + (heard.kind === 'outcomes' ? heard.outcomes.length : 0), 0);
  t.ok(taken() < 20, `only some were taken in: ${taken()}`);
  open();
  await until(() => taken() === targets.length);
  t.equal(harness.listener.maximumAtOnce, 1, 'calls of one host are serial');
});

void t.test('an agent that sends too many frames is read more slowly', async (t) => {
  const harness = await FleetHarness.start(t, { frameBurst: 20, framesPerSecond: 20 });
  const agent = await harness.agent(newId('host')).connect();
  const load = (load1m: number): void => agent.send({ $case: 'sample', value: Sample.fromPartial({ load1m }) });
  for (let n = 1; n <= 100; n += 1) load(n);
  await until(() => (harness.fleet.sample(agent.hostId)?.load1m ?? 0) >= 19);
  await settle(20);
  t.equal(harness.fleet.sample(agent.hostId)?.load1m, 19, 'Hello and 19 more were its burst');
  await harness.clock.advance(500);
  await settle(20);
  t.equal(harness.fleet.sample(agent.hostId)?.load1m, 29, '10 more in half a second');
  t.ok(harness.fleet.isConnected(agent.hostId));
});

void t.test('a frame over the limit ends the session', async (t) => {
  const harness = await FleetHarness.start(t);
  const agent = await harness.agent(newId('host')).connect();
  agent.send({ $case: 'status', value: { statuses: [NodeStatus.fromPartial({ nodeId: newId('node'), logTail: 'x'.repeat(limits.sessionFrameBytes) })], complete: false } });
  t.equal((await agent.end())?.code, status.RESOURCE_EXHAUSTED);
  t.match(await harness.listener.next('silent'), { reason: /over the limit/ });
});

void t.test('bytes that are no frame end the session, and nothing else', async (t) => {
  const harness = await FleetHarness.start(t);
  const other = await harness.agent(newId('host')).connect();
  for (const garbage of [Buffer.from([0xff]), Buffer.from([0x0a, 0x7f]), Buffer.alloc(300, 0x0a), Buffer.from('GET / HTTP/1.1')]) {
    const agent = await harness.agent(newId('host')).connect();
    agent.sendRaw(garbage);
    t.equal((await agent.end())?.code, status.INTERNAL, `${garbage.length} bytes`);
    await harness.listener.next('silent', agent.hostId);
  }
  const agent = await harness.agent(newId('host')).connect();
  // A frame that only a later version knows: field 99, one byte.
  agent.sendRaw(Buffer.from([0x9a, 0x06, 0x01, 0x00]));
  await beatArrived(harness, agent.hostId);
  t.ok(harness.fleet.isConnected(agent.hostId), 'an unknown frame is passed over');
  t.ok(harness.fleet.isConnected(other.hostId));
});

void t.test('of facts only the newest wait', async (t) => {
  const harness = await FleetHarness.start(t);
  const agent = await harness.agent(newId('host')).connect();
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  harness.listener.gate = ({ kind }) => (kind === 'facts' ? gate : Promise.resolve());
  for (let n = 1; n <= 50; n += 1) agent.send({ $case: 'facts', value: Facts.fromPartial({ hostname: `h${n}` }) });
  await beatArrived(harness, agent.hostId);
  open();
  await until(() => harness.listener.heard.all.some((heard) => heard.kind === 'facts' && heard.facts.hostname === 'h50'));
  t.ok(harness.listener.count('facts') < 10, `told ${harness.listener.count('facts')} times`);
});

void t.test('an agent that never reads is cut, and its stream is freed', async (t) => {
  const harness = await FleetHarness.start(t);
  const agent = await harness.agent(newId('host')).connect();
  const other = await harness.agent(newId('host')).connect();
  agent.call.pause();
  harness.fleet.sendAssignments(agent.hostId, Array.from({ length: 200 }, (_, index) => assignmentOf(index, 40_000)));
  await settle(50);
  for (let second = 0; second < 22; second += 2) {
    for (const { hostId, send } of [agent, other].map((one) => ({ hostId: one.hostId, send: () => one.send({ $case: 'beat', value: {} }) }))) {
      if (!harness.fleet.isConnected(hostId)) continue;
      send();
      await beatArrived(harness, hostId);
    }
    await harness.clock.advance(2_000);
  }
  t.match(await harness.listener.next('silent'), { hostId: agent.hostId, reason: /does not read/ });
  await harness.clock.advance(2_000);
  agent.call.resume();
  t.equal((await agent.end())?.code, status.CANCELLED, 'reset, as its status could not be sent');
  t.ok(harness.fleet.isConnected(other.hostId), 'others are not concerned');
});

void t.test('an agent that reads slowly is not cut', async (t) => {
  const harness = await FleetHarness.start(t);
  const agent = await harness.agent(newId('host')).connect();
  agent.call.pause();
  harness.fleet.sendAssignments(agent.hostId, Array.from({ length: 100 }, (_, index) => assignmentOf(index, 40_000)));
  for (let second = 0; second < 60; second += 3) {
    agent.call.once('data', () => agent.call.pause());
    agent.call.resume();
    await agent.next('assignments');
    await beatArrived(harness, agent.hostId);
    await harness.clock.advance(3_000);
  }
  t.ok(harness.fleet.isConnected(agent.hostId), 'after a minute in which it read 20 of 100 frames');
});

void t.test('more than is allowed to wait unread ends the session at once', async (t) => {
  const harness = await FleetHarness.start(t, { outboundBacklogBytes: 512 * 1024 });
  const agent = await harness.agent(newId('host')).connect();
  agent.call.pause();
  const job = Buffer.alloc(60_000);
  for (let n = 0; n < 100 && harness.fleet.isConnected(agent.hostId); n += 1) {
    harness.fleet.sendExec(job, new Map([[agent.hostId, [agent.hostId]]]));
    await settle(1);
  }
  t.match(await harness.listener.next('silent'), { hostId: agent.hostId, reason: /does not read/ });
});

void t.test('a listener that fails ends the session, so that everything is said again', async (t) => {
  const harness = await FleetHarness.start(t);
  const agent = await harness.agent(newId('host')).connect();
  const failing = new Set<Heard['kind']>(['facts', 'silent']);
  harness.listener.gate = ({ kind }) => (failing.has(kind) ? Promise.reject(new Error('disk full')) : Promise.resolve());
  agent.send({ $case: 'facts', value: Facts.fromPartial({ hostname: 'a' }) });
  t.equal((await agent.end())?.code, status.UNAVAILABLE);
  await harness.listener.next('silent');
  failing.clear();
  await harness.clock.advance(1_000);
  await harness.listener.next('silent');
  t.equal(harness.listener.count('silent'), 2, 'that a host is silent is tried again');
});

void t.test('while the store takes nothing, what is reported waits for it and the session stays', async (t) => {
  const harness = await FleetHarness.start(t);
  const hostId = newId('host');
  const agent = await harness.agent(hostId).connect();
  let isFull = true;
  harness.listener.gate = async () => {
    if (isFull) throw new WombatError('WO_STORE_FULL', 'on purpose');
  };
  agent.send({ $case: 'execOutcome', value: outcomeOf(newId('job'), newId('node')) });
  await harness.listener.next('outcomes');
  for (let second = 0; second < 8; second += 1) {
    agent.send({ $case: 'beat', value: {} });
    await settle(20);
    await harness.clock.advance(1_000);
  }
  t.equal(harness.fleet.isConnected(hostId), true, 'the session is there');
  t.equal(agent.received.all.some(({ frame }) => frame.$case === 'acknowledgeOutcomes'), false, 'nothing is acknowledged that is not stored');
  isFull = false;
  const { outcomes } = await whileTicking(harness, agent, agent.next('acknowledgeOutcomes'));
  t.equal(outcomes.length, 1, 'it is stored when there is room again');
});

void t.test('disconnect ends the session now; stop ends all, and calls nobody silent', async (t) => {
  const harness = await FleetHarness.start(t);
  const revoked = await harness.agent(newId('host')).connect();
  const other = await harness.agent(newId('host')).connect();
  harness.fleet.disconnect(revoked.hostId, 'its certificate was revoked');
  t.equal(harness.fleet.isConnected(revoked.hostId), false);
  t.match((await revoked.end())?.details, /its certificate was revoked/);
  t.match(await harness.listener.next('silent'), { hostId: revoked.hostId });

  await harness.fleet.stop();
  t.equal((await other.end())?.code, status.UNAVAILABLE);
  t.same(harness.fleet.connectedHosts(), []);
  t.equal(harness.listener.count('silent'), 1, 'it is the coordinator that goes');
  const late = harness.agent(newId('host'));
  late.hello();
  t.equal((await late.end())?.code, status.UNAVAILABLE, 'nobody comes in any more');
});

void t.test('stop waits for what is being stored', async (t) => {
  const harness = await FleetHarness.start(t);
  const agent = await harness.agent(newId('host')).connect();
  let store = (): void => undefined;
  const stored = new Promise<void>((resolve) => (store = resolve));
  harness.listener.gate = () => stored;
  agent.send({ $case: 'execOutcome', value: outcomeOf(newId('job'), newId('node')) });
  await harness.listener.next('outcomes');
  let hasStopped = false;
  const stopped = harness.fleet.stop().then(() => (hasStopped = true));
  await harness.clock.advance(3_000);
  t.equal(hasStopped, false, 'the store is still being written to');
  store();
  await stopped;
  t.ok(hasStopped);
});

/** A sample of its own tells that what was sent before it has arrived. */
let marker = 100;
async function beatArrived(harness: FleetHarness, hostId: string): Promise<void> {
  const agent = harness.agentOf(hostId);
  const load1m = (marker += 1);
  agent.send({ $case: 'sample', value: Sample.fromPartial({ load1m }) });
  await until(() => harness.fleet.sample(hostId)?.load1m === load1m);
}

/** Turns of the loop until it is so; the test's own timeout ends what never comes. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await settle(1);
}
