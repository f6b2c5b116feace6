import type { SessionResponse } from '@wombat/proto/agent';
import { ExecOutcome, NodePhase, NodeStatus } from '@wombat/proto/agent';
import { limits, liveness, systemClock, toErrorDetail, toServiceError, WombatError } from '@wombat/proto';
import t from 'tap';
import { memoryLog } from '../testing/log-memory.js';
import { PlainRelay } from '../testing/plain-relay.js';
import { sessionBench } from '../testing/session-bench.js';
import { TestAuthority } from '../testing/test-authority.js';
import { StandInCoordinator, welcome } from '../testing/stand-in-coordinator.js';
import { until } from '../testing/until.js';
import { CoordinatorLink } from './coordinator-link.js';
import { Session } from './session.js';

const node = (nodeId: string): NodeStatus => NodeStatus.fromPartial({ nodeId, phase: NodePhase.READY });
const outcome = (jobId: string): ExecOutcome => ExecOutcome.fromPartial({ jobId, targetId: 'node-aaaaaaaaaaaa' });

t.test('a session begins with Hello, then facts, every node and what is not acknowledged', async (t) => {
  const bench = await sessionBench(t);
  bench.handlers.position = 42n;
  bench.handlers.nodes = [node('node-a'), node('node-b')];
  bench.handlers.outcomes = [outcome('job-a')];
  bench.start();
  await bench.seen('execOutcome');
  t.same(bench.frames.map(({ $case }) => $case), ['hello', 'facts', 'status', 'execOutcome'], 'in this order');
  t.match(bench.frames[0], { value: { protocolMin: 1, protocolMax: 1, bootId: 'boot-1', journalPosition: 42n } }, 'Hello says who speaks');
  t.match(bench.frames[2], { value: { complete: true, statuses: [{ nodeId: 'node-a' }, { nodeId: 'node-b' }] } }, 'the report is complete');
  t.ok([...bench.standIn.sockets].every((socket) => socket.authorized && socket.getProtocol() === 'TLSv1.3'), 'over mutual TLS 1.3');
  t.equal(bench.session.state(), 'open', 'the session is open');
  bench.stop.abort();
  await until(() => bench.session.state() === 'stopped', 'the end');
});

t.test('changes are reported, a ping is answered, assignments are journaled before that is said', async (t) => {
  const bench = await sessionBench(t);
  bench.start();
  await bench.seen('status');
  const call = bench.calls[0]!;
  bench.handlers.changeStatus(node('node-c'));
  bench.handlers.finish(outcome('job-b'));
  await until(() => bench.frames.some((frame) => frame.$case === 'status' && !frame.value.complete), 'the change of node-c');
  await bench.seen('execOutcome');
  call.write({ frame: { $case: 'ping', value: {} } });
  await bench.seen('beat');
  const assignments = (syncId: bigint, last: boolean): SessionResponse => ({ frame: { $case: 'assignments', value: { syncId, assignments: [], fullSync: true, first: !last, last } } });
  call.write(assignments(8n, false));
  call.write(assignments(9n, true));
  const journaled = await bench.seen('assignmentsJournaled');
  t.equal(journaled.value.syncId, 9n, 'a full sync is journaled when its last frame is');
  t.same(bench.handlers.received.map(({ kind }) => kind), ['assignments', 'assignments'], 'both frames were handed over before');
});

t.test('commands: cancelled, acknowledged, and refused when replayed', async (t) => {
  const bench = await sessionBench(t);
  bench.start();
  await bench.seen('status');
  const call = bench.calls[0]!;
  for (const sequence of [5n, 6n, 6n, 5n, 8n, 7n]) call.write({ frame: { $case: 'exec', value: { sequence, targetIds: [], job: Buffer.from('job') } } });
  call.write({ frame: { $case: 'cancelExec', value: { jobId: 'job-a', targetIds: [] } } });
  call.write({ frame: { $case: 'acknowledgeOutcomes', value: { outcomes: [{ jobId: 'job-a', targetId: 'node-a' }] } } });
  await until(() => bench.handlers.received.some(({ kind }) => kind === 'acknowledgeOutcomes'), 'the acknowledgement');
  const sequences = bench.handlers.received.flatMap(({ kind, value }) => (kind === 'exec' ? [(value as { sequence: bigint }).sequence] : []));
  t.same(sequences, [5n, 6n, 7n], 'each number once and in order');
  t.ok(bench.handlers.received.some(({ kind }) => kind === 'cancelExec'), 'the cancel arrived');
});

t.test('beats and samples come by themselves', async (t) => {
  const bench = await sessionBench(t, { welcome: { beatSeconds: 1, sampleSeconds: 2 } });
  bench.start();
  await bench.seen('sample');
  await bench.seen('beat');
  t.pass('both came');
});

t.test('a refusal is heard, its delay kept, and the session had later', async (t) => {
  const bench = await sessionBench(t);
  const opened: number[] = [];
  const accept = bench.standIn.behaviour.session;
  bench.standIn.behaviour.session = (call) => {
    opened.push(performance.now());
    if (opened.length > 1) return accept(call);
    const error = toErrorDetail(new WombatError('WO_DUPLICATE_IDENTITY', 'another one is here'));
    call.write({ frame: { $case: 'refusal', value: { error, retryAfter: { seconds: 0n, nanos: 300_000_000 } } } });
    call.end();
  };
  bench.start();
  await bench.seen('status');
  t.ok(opened[1]! - opened[0]! >= 295, 'it waited at least as long as it was told');
  t.ok(bench.lines.some((line) => line.includes('WO_DUPLICATE_IDENTITY')), 'the reason is in the log');
});

t.test('cut connections and a restarted coordinator: the session comes back and reports all again', async (t) => {
  const bench = await sessionBench(t);
  bench.handlers.outcomes = [outcome('job-a')];
  bench.start();
  await bench.seen('execOutcome');
  bench.standIn.cutConnections();
  await until(() => bench.calls.length === 2, 'the second session');
  await until(() => bench.frames.filter(({ $case }) => $case === 'execOutcome').length === 2, 'the outcome again');
});

t.test('a coordinator with another name is not talked to', async (t) => {
  const bench = await sessionBench(t);
  const { port } = bench.standIn.address;
  await bench.standIn.stop();
  const wrong = await StandInCoordinator.start({ authority: bench.standIn.authority, pair: await bench.standIn.authority.coordinator('coordinator.othercluster.wombat'), port });
  const other = await TestAuthority.create('testcluster1');
  let sessions = 0;
  wrong.behaviour.session = () => sessions++;
  bench.start();
  await until(() => bench.lines.some((line) => line.includes('no session') && line.includes('altnames')), 'the refusal of the wrong name');
  await wrong.stop();
  const forged = await StandInCoordinator.start({ authority: other, port });
  t.teardown(() => forged.stop());
  forged.behaviour.session = () => sessions++;
  await until(() => bench.lines.some((line) => line.includes('no session') && /self-signed|unable to (get|verify)|signature failure/.test(line)), 'the refusal of the wrong authority');
  t.equal(sessions, 0, 'neither got a stream');
});

t.test('frames that are too large or cannot be read end the session, not the agent', async (t) => {
  const bench = await sessionBench(t);
  const bad = [
    Buffer.alloc(limits.sessionFrameBytes + 1),
    Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    Buffer.alloc(limits.grpcMessageBytes + 1),
  ];
  const accept = bench.standIn.behaviour.session;
  bench.standIn.behaviour.session = (call) => {
    accept(call);
    const bytes = bad.shift();
    if (bytes) call.on('data', ({ frame }) => frame?.$case === 'status' && call.write(bytes));
  };
  bench.start();
  await until(() => bench.calls.length === 4 && bench.session.state() === 'open', 'a fourth session, which holds');
  t.ok(bench.lines.some((line) => line.includes('a frame of 65537 bytes')), 'the large frame is named in the log');
  t.ok(bench.lines.some((line) => line.includes('cannot be read')), 'so is the malformed one');
});

t.test('assignments that cannot be journaled are asked for again by a new session', async (t) => {
  const bench = await sessionBench(t);
  let tries = 0;
  bench.handlers.onAssignments = async () => {
    if (++tries === 1) throw new Error('no space left');
  };
  const accept = bench.standIn.behaviour.session;
  bench.standIn.behaviour.session = (call) => {
    accept(call);
    call.on('data', ({ frame }) => {
      if (frame?.$case === 'status') call.write({ frame: { $case: 'assignments', value: { syncId: 3n, assignments: [], fullSync: true, first: true, last: true } } });
    });
  };
  bench.start();
  const journaled = await bench.seen('assignmentsJournaled');
  t.equal(journaled.value.syncId, 3n, 'the second full sync was journaled');
  t.equal(bench.calls.length, 2, 'in a second session');
});

t.test('a renewal leaves the session as it is; the next one presents the new certificate', async (t) => {
  const bench = await sessionBench(t);
  const serials: (string | undefined)[] = [];
  const accept = bench.standIn.behaviour.session;
  bench.standIn.behaviour.session = (call) => {
    serials.push([...bench.standIn.sockets].at(-1)?.getPeerCertificate().serialNumber);
    accept(call);
  };
  bench.start();
  await bench.seen('status');
  const first = bench.keeper.current();
  await bench.keeper.renew(bench.stop.signal);
  t.not(bench.keeper.current().certificateChain, first.certificateChain, 'the certificate has changed');
  bench.handlers.changeStatus(node('node-c'));
  await until(() => bench.frames.some((frame) => frame.$case === 'status' && !frame.value.complete), 'the change of node-c');
  t.equal(bench.calls.length, 1, 'in the same session');
  bench.standIn.cutConnections();
  await until(() => bench.calls.length === 2 && bench.session.state() === 'open', 'the second session');
  t.not(serials[1], serials[0], 'the second connection presents it');
});

t.test('a certificate that is refused as expired is renewed, and the next try does not wait', async (t) => {
  const bench = await sessionBench(t);
  const accept = bench.standIn.behaviour.session;
  let tries = 0;
  bench.standIn.behaviour.session = (call) => {
    if (++tries > 1) return accept(call);
    call.emit('error', toServiceError(new WombatError('WO_CERTIFICATE_REFUSED', 'the certificate is refused: it has expired', { details: { reason: 'expired' } })));
  };
  bench.keeper.renewForever(bench.stop.signal).catch(() => undefined);
  const first = bench.keeper.current();
  const startedAt = performance.now();
  bench.start();
  await bench.seen('status');
  t.ok(performance.now() - startedAt < 4_500, 'sooner than a refusal is waited for otherwise');
  t.not(bench.keeper.current(), first, 'with a new certificate');
});

t.test('an agent whose identity another one holds waits long, and says what to do', async (t) => {
  const bench = await sessionBench(t);
  bench.standIn.behaviour.session = (call) => {
    const error = toErrorDetail(new WombatError('WO_DUPLICATE_IDENTITY', 'another agent holds the session of this host, from 192.0.2.7:4000'));
    call.write({ frame: { $case: 'refusal', value: { error, retryAfter: { seconds: 5n, nanos: 0 } } } });
    call.end();
  };
  bench.start();
  const line = await until(() => bench.lines.find((text) => text.includes('no session')), 'the refusal');
  const { reason, hint, delayMs } = JSON.parse(line) as { reason: string; hint: string; delayMs: number };
  t.match(reason, '192.0.2.7', 'it names the other address');
  t.match(hint, /copied.*token/, 'and the way out');
  t.ok(delayMs >= 5_000, `it waits ${delayMs} ms`);
});

t.test('clocks that differ by minutes are told', async (t) => {
  const bench = await sessionBench(t, { welcome: { coordinatorTime: new Date(Date.now() - 600_000) } });
  bench.start();
  await bench.seen('status');
  t.ok(bench.lines.some((line) => /"skewMs":6\d{5}/.test(line)), 'with the difference measured');
});

t.test('a stop while nothing answers is quick', async (t) => {
  const bench = await sessionBench(t, { backoff: { initialMs: 60_000, maximumMs: 60_000 } });
  await bench.standIn.stop();
  const running = bench.start();
  await until(() => bench.lines.some((line) => line.includes('no session')), 'the first try');
  bench.stop.abort();
  await running;
  t.equal(bench.session.state(), 'stopped', 'it did not wait for the next try');
});

t.test('an agent that is spoken to without Welcome goes away', async (t) => {
  const bench = await sessionBench(t);
  let sessions = 0;
  bench.standIn.behaviour.session = (call) => {
    if (++sessions > 1) return welcome(call);
    call.write({ frame: { $case: 'ping', value: {} } });
    call.on('end', () => call.end());
  };
  bench.start();
  await until(() => bench.session.state() === 'open', 'the second session');
  t.ok(bench.lines.some((line) => line.includes('did not begin with Welcome')), 'the log says why');
});

t.test('a host that was revoked knocks seldom, and says what to do', async (t) => {
  const bench = await sessionBench(t);
  let tries = 0;
  bench.standIn.behaviour.session = (call) => {
    tries++;
    call.emit('error', toServiceError(new WombatError('WO_CERTIFICATE_REFUSED', 'the certificate is refused: it was revoked', { details: { reason: 'revoked' } })));
  };
  bench.start();
  const line = await until(() => bench.lines.find((text) => text.includes('no session')), 'the refusal');
  const { code, hint, delayMs } = JSON.parse(line) as { code: string; hint: string; delayMs: number };
  t.equal(code, 'WO_CERTIFICATE_REFUSED');
  t.match(hint, 'wo token create');
  t.ok(delayMs >= 2_500, `it waits ${delayMs} ms, and doubles that up to minutes`);
  t.equal(tries, 1);
});

t.test('a coordinator that is gone without a word is noticed in time', async (t) => {
  const bench = await sessionBench(t);
  const relay = await PlainRelay.start(() => bench.standIn.address.port);
  t.teardown(() => relay.stop());
  const link = new CoordinatorLink({ host: '127.0.0.1', port: relay.port }, bench.keeper);
  const { log, lines } = memoryLog();
  const session = new Session({ link, keeper: bench.keeper, handlers: bench.handlers, reporter: bench.reporter, bootId: 'boot-1', clock: systemClock, log });
  const running = session.run(bench.stop.signal);
  await until(() => session.state() === 'open', 'the session');
  relay.fallSilent();
  const startedAt = performance.now();
  await until(() => session.state() !== 'open', 'its end');
  const tookMs = Math.round(performance.now() - startedAt);
  t.ok(tookMs <= liveness.pingAfterMs + liveness.pingAnswerMs + 1_000, `noticed after ${tookMs} ms`);
  t.ok(lines.some((line) => line.includes('no session')), 'and told');
  bench.stop.abort();
  await running;
});
