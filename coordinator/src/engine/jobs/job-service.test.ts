import t from 'tap';
import { limits, WombatError } from '@wombat/proto';
import { LogStream, Outcome, type ChannelData } from '@wombat/proto/agent';
import { idNumber } from '../../testing/counting-ids.js';
import { outcomeOf, type SentExec } from '../../testing/fake-fleet.js';
import { family, host, request, Setting } from '../../testing/job-setting.js';
import { change, row } from '../../testing/test-store.js';

void t.test('a command goes to each node of a family, and ends with an outcome of each', async (test) => {
  const setting = await Setting.of(test);
  const job = await setting.create(request);
  test.same(setting.sent(), ['b b', 'c c', 'd d'], 'node and its host');
  test.match(job, { state: 'running', targetCount: 3, principal: 'ada' });
  const [one, two, three] = setting.fleet.execs as [SentExec, SentExec, SentExec];
  await setting.jobs.outcomes(one.hostId, [outcomeOf(one, 0, 'alpha\n')]);
  await setting.jobs.outcomes(two.hostId, [outcomeOf(two, 3)]);
  test.equal((await setting.job(job)).state, 'running', 'one is missing');
  await setting.jobs.outcomes(three.hostId, [outcomeOf(three, 0, '', { outcome: Outcome.TIMED_OUT, exit: { kind: { $case: 'signal', value: 9 } } })]);
  test.match(await setting.job(job), { state: 'finished', finishedAt: setting.clock.now() });
  test.same(await setting.targets(job), { 'web-1': 'ok', 'web-2': 'failed', 'web-3': 'timed_out' });
  test.match(await setting.target(one), { stdout: Buffer.from('alpha\n').toString('base64'), exit: { code: 0 }, startedAt: 1_000, finishedAt: 2_000 });
  test.match(await setting.target(three), { exit: { signal: 9 } });
});

const words: readonly [said: number, stored: string][] = [
  [Outcome.OK, 'ok'], [Outcome.FAILED, 'failed'], [Outcome.TIMED_OUT, 'timed_out'], [Outcome.KILLED, 'killed'], [Outcome.REJECTED, 'rejected'],
  [Outcome.LOST_DURING_RUN, 'lost_during_run'], [Outcome.UNSPECIFIED, 'lost_during_run'], [77, 'lost_during_run'],
];
void t.test('each word of an agent has its outcome; what is not known is lost', async (test) => {
  for (const [said, stored] of words) {
    const setting = await Setting.of(test);
    const job = await setting.create({ ...request, expression: 'web-1' });
    const [exec] = setting.fleet.execs as [SentExec];
    await setting.jobs.outcomes(exec.hostId, [outcomeOf(exec, 0, '', { outcome: said, exit: undefined })]);
    test.same(await setting.targets(job), { 'web-1': stored }, `${said}`);
  }
});

void t.test('a host without a session: nothing was sent, and that is the outcome', async (test) => {
  const setting = await Setting.of(test);
  setting.fleet.connected.delete(host(2));
  const job = await setting.create(request);
  test.same(await setting.targets(job), { 'web-1': undefined, 'web-2': 'unreachable_before_send', 'web-3': undefined });
  test.match((await row(setting.store, 'jobTargets', `${job.id}/${idNumber('node', 2)}`)).error, { code: 'WO_HOST_UNREACHABLE', hint: /wo host show/ }, 'with the reason');
  setting.fleet.connect(host(2));
  await setting.jobs.resend(host(2));
  test.equal(setting.fleet.execs.filter((exec) => exec.hostId === host(2)).length, 0, 'it stays so when the host comes back');
});

void t.test('all hosts are away: the job is over at once', async (test) => {
  const setting = await Setting.of(test);
  setting.fleet.connected.clear();
  const job = await setting.create(request);
  test.match(job, { state: 'finished' }, 'and the answer says so');
});

void t.test('an outcome is stored once; the first counts', async (test) => {
  const setting = await Setting.of(test);
  const job = await setting.create(request);
  const [one, two, three] = setting.fleet.execs as [SentExec, SentExec, SentExec];
  await setting.jobs.outcomes(one.hostId, [outcomeOf(one), outcomeOf(one, 1)]);
  await setting.jobs.outcomes(one.hostId, [outcomeOf(one, 1)]);
  test.same((await setting.targets(job))['web-1'], 'ok', 'said again it changes nothing');
  await setting.jobs.outcomes(two.hostId, [outcomeOf(two)]);
  test.equal((await setting.job(job)).state, 'running', 'nor does it count twice');
  await setting.jobs.outcomes(three.hostId, [outcomeOf(three)]);
  test.equal((await setting.job(job)).state, 'finished');
});

void t.test('a host cannot answer for another, nor for a job that never was', async (test) => {
  const setting = await Setting.of(test);
  const job = await setting.create(request);
  const [one] = setting.fleet.execs as [SentExec];
  await setting.jobs.outcomes(host(2), [outcomeOf(one)]);
  await setting.jobs.outcomes(host(1), [outcomeOf({ targetId: one.targetId, job: { jobId: idNumber('job', 7_777) } })]);
  test.same(await setting.targets(job), { 'web-1': undefined, 'web-2': undefined, 'web-3': undefined });
});

void t.test('output that did not fit into the outcome is read over a channel', async (test) => {
  const setting = await Setting.of(test);
  await setting.create({ ...request, expression: 'web-1' });
  const [exec] = setting.fleet.execs as [SentExec];
  const head = Buffer.alloc(16 * 1024, 'a');
  const rest = Buffer.from('and the rest');
  setting.fleet.channel = async function* (): AsyncGenerator<ChannelData> {
    yield { offset: BigInt(head.length), data: rest, lostBytes: 0n, log: undefined };
  };
  await setting.jobs.outcomes(exec.hostId, [outcomeOf(exec, 0, '', { stdout: { head, sizeBytes: BigInt(head.length + rest.length + 5), lostBytes: 0n } })]);
  test.match(setting.fleet.opened, [{ hostId: host(1), purpose: { $case: 'readExecOutput', value: { targetId: exec.targetId, stream: LogStream.STDOUT, offset: BigInt(head.length) } } }]);
  const target = await setting.target(exec);
  test.equal(Buffer.from(target.stdout, 'base64').toString(), head.toString() + rest.toString());
  test.match(target, { stdoutLostBytes: 5, stdoutLostAt: head.length + rest.length }, 'what did not arrive');
});

void t.test('of a long output the first and the last part are kept, and where the loss is', async (test) => {
  const setting = await Setting.of(test);
  await setting.create({ ...request, expression: 'web-1' });
  const [exec] = setting.fleet.execs as [SentExec];
  const [partBytes, hostKeeps, size] = [512 * 1024, 600_000, 10_000_000];
  const byteAt = (offset: number): number => (offset >> 10) & 0xff;
  const written = (from: number, to: number): Buffer => Buffer.from(Array.from({ length: to - from }, (_, index) => byteAt(from + index)));
  // The host has its first and last 600,000 bytes.
  setting.fleet.channel = async function* (purpose): AsyncGenerator<ChannelData> {
    let offset = Number((purpose as { value: { offset: bigint } }).value.offset);
    while (offset < size) {
      const from = offset >= hostKeeps ? Math.max(offset, size - hostKeeps) : offset;
      const to = Math.min(from + 32 * 1024, from < hostKeeps ? hostKeeps : size);
      yield { offset: BigInt(from), data: written(from, to), lostBytes: BigInt(from - offset), log: undefined };
      offset = to;
    }
  };
  await setting.jobs.outcomes(exec.hostId, [outcomeOf(exec, 0, '', { stdout: { head: written(0, 16 * 1024), sizeBytes: BigInt(size), lostBytes: BigInt(size - 2 * hostKeeps) } })]);
  const target = await setting.target(exec);
  test.match(target, { stdoutLostBytes: size - 2 * partBytes, stdoutLostAt: partBytes }, 'the loss is told with its place');
  const kept = Buffer.from(target.stdout, 'base64');
  test.ok(kept.subarray(0, partBytes).equals(written(0, partBytes)), 'the first part is whole');
  test.ok(kept.subarray(partBytes).equals(written(size - partBytes, size)), 'and the last');
});

void t.test('nothing is fetched for an outcome that nobody waits for', async (test) => {
  const setting = await Setting.of(test);
  await setting.create(request);
  const [mine, foreign] = setting.fleet.execs as [SentExec, SentExec];
  const head = Buffer.alloc(limits.outcomeHeadBytes, 'a');
  const long = (exec: SentExec): ReturnType<typeof outcomeOf> => outcomeOf(exec, 0, '', { stdout: { head, sizeBytes: BigInt(head.length + 10), lostBytes: 0n } });
  await setting.jobs.outcomes(mine.hostId, [long(foreign)]);
  await setting.jobs.outcomes(mine.hostId, [{ ...long(mine), jobId: idNumber('job', 777) }]);
  test.equal(setting.fleet.opened.length, 0, 'a target of another host, and a job that never was');
  await setting.jobs.outcomes(mine.hostId, [long(mine)]);
  await setting.jobs.outcomes(mine.hostId, [long(mine)]);
  test.equal(setting.fleet.opened.length, 1, 'what is sent twice is fetched once');
});

void t.test('output that cannot be read leaves its head, and the outcome', async (test) => {
  const setting = await Setting.of(test);
  const job = await setting.create({ ...request, expression: 'web-1' });
  const [exec] = setting.fleet.execs as [SentExec];
  setting.fleet.channel = async function* (): AsyncGenerator<ChannelData> {
    throw new WombatError('WO_CHANNEL_GONE', 'the session ended');
  };
  const head = Buffer.alloc(16 * 1024, 'a');
  await setting.jobs.outcomes(exec.hostId, [outcomeOf(exec, 0, '', { stdout: { head, sizeBytes: 20_000n, lostBytes: 0n } })]);
  test.match(await setting.target(exec), { outcome: 'ok', stdoutLostBytes: 20_000 - head.length });
  test.equal((await setting.job(job)).state, 'finished');
  test.equal(setting.log.entries[0]?.level, 'warn');
});

void t.test('no more than a MiB of a stream is kept, however long the channel goes on', async (test) => {
  const setting = await Setting.of(test);
  await setting.create({ ...request, expression: 'web-1' });
  const [exec] = setting.fleet.execs as [SentExec];
  let pieces = 0;
  setting.fleet.channel = async function* (): AsyncGenerator<ChannelData> {
    for (;; pieces += 1) yield { offset: 0n, data: Buffer.alloc(32 * 1024), lostBytes: 0n, log: undefined };
  };
  await setting.jobs.outcomes(exec.hostId, [outcomeOf(exec, 0, '', { stdout: { head: Buffer.alloc(16 * 1024), sizeBytes: 10_000_000n, lostBytes: 0n } })]);
  const target = await setting.target(exec);
  test.equal(Buffer.from(target.stdout, 'base64').length, 1024 * 1024);
  test.equal(target.stdoutLostBytes, 10_000_000 - 1024 * 1024);
  test.ok(pieces < 40, `reading stopped after ${pieces} pieces`);
});

void t.test('a host that comes back gets what it has not answered, and only its own', async (test) => {
  const setting = await Setting.of(test);
  const job = await setting.create(request);
  const [one] = setting.fleet.execs as [SentExec];
  await setting.jobs.outcomes(one.hostId, [outcomeOf(one)]);
  setting.fleet.execs.length = 0;
  await setting.jobs.resend(host(1));
  test.same(setting.sent(), [], 'the first has answered');
  setting.restart();
  await setting.jobs.resend(host(2));
  test.same(setting.sent(), ['c c'], 'another coordinator process knows it from the store');
  test.equal(setting.fleet.execs[0]?.job.jobId, job.id, 'under the same id: the agent runs it at most once');
});

void t.test('a coordinator that is started again counts what is open', async (test) => {
  const setting = await Setting.of(test);
  const job = await setting.create(request);
  const [one, two, three] = setting.fleet.execs as [SentExec, SentExec, SentExec];
  await setting.jobs.outcomes(one.hostId, [outcomeOf(one)]);
  setting.restart();
  await setting.jobs.outcomes(two.hostId, [outcomeOf(two)]);
  test.equal((await setting.job(job)).state, 'running');
  await setting.jobs.outcomes(three.hostId, [outcomeOf(three)]);
  test.equal((await setting.job(job)).state, 'finished');
});

void t.test('what has not answered long after its time is lost, and the job ends', async (test) => {
  const setting = await Setting.of(test);
  const job = await setting.create(request);
  const [one] = setting.fleet.execs as [SentExec];
  await setting.jobs.outcomes(one.hostId, [outcomeOf(one)]);
  setting.fleet.connected.delete(host(3));
  const leftMs = Number(await setting.jobs.reconcile(job.id));
  test.ok(leftMs > request.timeoutMs && leftMs < request.timeoutMs + 1_000, 'a second later whoever asked wants an answer');
  await setting.clock.advance(leftMs - 1);
  test.equal(await setting.jobs.reconcile(job.id), 1);
  await setting.clock.advance(1);
  const againMs = Number(await setting.jobs.reconcile(job.id));
  test.same(await setting.targets(job), { 'web-1': 'ok', 'web-2': undefined, 'web-3': 'lost_during_run' }, 'who has a session may still answer');
  test.ok(againMs <= 1_000, 'and is looked at again, should it lose it');
  await setting.clock.advance(15_000);
  test.equal(await setting.jobs.reconcile(job.id), undefined);
  test.same(await setting.targets(job), { 'web-1': 'ok', 'web-2': 'lost_during_run', 'web-3': 'lost_during_run' });
  test.equal((await setting.job(job)).state, 'finished');
  test.same(await setting.jobs.all(), [], 'nothing is left to be swept');
});

void t.test('what ended while there was no coordinator is waited for, though its time is long over', async (test) => {
  const setting = await Setting.of(test);
  const job = await setting.create(request);
  const [one, two, three] = setting.fleet.execs as [SentExec, SentExec, SentExec];
  setting.fleet.connected.clear();
  await setting.clock.advance(request.timeoutMs + 600_000);
  setting.gathersHosts = true;
  setting.restart();
  await setting.jobs.reconcile(job.id);
  await setting.jobs.outcomes(one.hostId, [outcomeOf(one, 0, 'alpha\n')]);
  await setting.clock.advance(29_000);
  test.equal(await setting.jobs.reconcile(job.id), 1_000);
  await setting.jobs.outcomes(two.hostId, [outcomeOf(two)]);
  setting.gathersHosts = false;
  await setting.jobs.reconcile(job.id);
  await setting.jobs.outcomes(three.hostId, [outcomeOf(three)]);
  test.same(await setting.targets(job), { 'web-1': 'ok', 'web-2': 'ok', 'web-3': 'lost_during_run' }, 'who has not come back by then is lost, and stays so');
});

void t.test('just after the start of the coordinator, a command waits for hosts that are expected', async (test) => {
  const setting = await Setting.of(test);
  const hosts = [...setting.fleet.connected];
  setting.fleet.connected.clear();
  setting.gathersHosts = true;
  const job = await setting.create(request);
  test.same(await setting.targets(job), { 'web-1': undefined, 'web-2': undefined, 'web-3': undefined });
  test.equal(await setting.jobs.reconcile(job.id), 250);
  const [first] = hosts as [string];
  setting.fleet.connected.add(first);
  await setting.jobs.resend(first);
  test.same(setting.fleet.execs.map(({ hostId }) => hostId), [first], 'it goes out when the host comes');
  await setting.jobs.outcomes(first, [outcomeOf(setting.fleet.execs[0]!)]);
  setting.gathersHosts = false;
  await setting.jobs.reconcile(job.id);
  const outcomes = Object.values(await setting.targets(job)).sort();
  test.same(outcomes, ['ok', 'unreachable_before_send', 'unreachable_before_send'], 'who is not expected any more was not reached');
  test.equal((await setting.job(job)).state, 'finished');
});

void t.test('a command whose time is over before an expected host comes was not sent there', async (test) => {
  const setting = await Setting.of(test);
  setting.fleet.connected.clear();
  setting.gathersHosts = true;
  const job = await setting.create(request);
  await setting.clock.advance(request.timeoutMs + 1_000);
  await setting.jobs.reconcile(job.id);
  test.same(await setting.targets(job), { 'web-1': 'unreachable_before_send', 'web-2': 'unreachable_before_send', 'web-3': 'unreachable_before_send' });
});

void t.test('cancelling asks the hosts whose targets are open', async (test) => {
  const setting = await Setting.of(test);
  const job = await setting.create(request);
  const [one] = setting.fleet.execs as [SentExec];
  await setting.jobs.outcomes(one.hostId, [outcomeOf(one)]);
  await setting.jobs.cancel(job);
  test.same(setting.fleet.cancelled.map(({ hostId, targetIds }) => `${hostId.at(-1)} ${targetIds.map((id) => id.at(-1)).join()}`), ['c c', 'd d']);
});

void t.test('a host that was away when a job was cancelled does not run it when it is back, nor after a restart', async (test) => {
  const setting = await Setting.of(test);
  const job = await setting.create(request);
  setting.fleet.disconnect(host(1), 'cut');
  await setting.jobs.cancel(job);
  for (const restarts of [false, true]) {
    if (restarts) setting.restart();
    const [sent, cancelled] = [setting.sent().length, setting.fleet.cancelled.length];
    await setting.jobs.resend(host(1));
    test.equal(setting.sent().length, sent, 'nothing is sent again');
    test.match(setting.fleet.cancelled.slice(cancelled), [{ hostId: host(1), jobId: job.id, targetIds: [idNumber('node', 1)] }], 'what runs there is ended');
  }
  test.ok((await setting.job(job)).cancelledAt, 'the job tells when');
});

void t.test('a command that no frame can carry is refused, and nothing is kept of it', async (test) => {
  const setting = await Setting.of(test);
  const large = { $case: 'command' as const, value: { argv: ['x'.repeat(70_000)], environment: {}, settings: undefined } };
  await test.rejects(setting.create({ ...request, action: { kind: large } }), { code: 'WO_INVALID_ARGUMENT', message: /70\d\d\d bytes/ });
  test.equal(await setting.store.read.jobs.count({}), 0, 'no job');
  test.equal(await setting.store.read.jobTargets.count({}), 0, 'no target');
  test.same(setting.sent(), [], 'and nobody got it');
});

void t.test('nodes that do not run are skipped and say so, unless all are wanted', async (test) => {
  const setting = await Setting.of(test);
  await change(setting.store, 'nodes', idNumber('node', 2), { phase: 'stopped', desired: 'stopped' });
  const job = await setting.create(request);
  test.same(setting.sent(), ['b b', 'd d'], 'the stopped one gets nothing');
  test.same(await setting.targets(job), { 'web-1': undefined, 'web-2': 'skipped', 'web-3': undefined });
  const skipped = await row(setting.store, 'jobTargets', `${job.id}/${idNumber('node', 2)}`);
  test.match(skipped.error, { code: 'WO_NODE_NOT_RUNNING', message: 'web-2 is stopped', hint: /wo node start web-2/ });
  await setting.create({ ...request, all: true });
  test.same(setting.sent().slice(2), ['b b', 'c c', 'd d'], 'with all it does');
  test.match(await setting.create({ ...request, expression: 'web-2' }), { state: 'finished', targetCount: 1 }, 'where all are skipped, the job is over');
});

const expressions: readonly [expression: string, names: readonly string[] | string][] = [
  ['web family', ['web-1', 'web-2', 'web-3']],
  [family.id, ['web-1', 'web-2', 'web-3']],
  ['web-2', ['web-2']],
  [idNumber('node', 2), ['web-2']],
  [host(3), ['cloud-3']],
  ['cloud-1', ['cloud-1']],
  ['nothing', 'WO_NOT_FOUND'],
  ['host-', 'WO_AMBIGUOUS'],
  ['', 'WO_NOT_FOUND'],
  ['family = "web family"', ['web-1', 'web-2', 'web-3']],
  ['node.ordinal in (1, 3) and not node = web-1', ['web-3']],
  ['host = cloud-2', ['web-2']],
  ['all', ['web-1', 'web-2', 'web-3']],
  ['family = nobody', 'WO_NO_TARGETS'],
  ['familly = web', 'WO_EXPRESSION_INVALID'],
  ['family =', 'WO_EXPRESSION_INVALID'],
];
void t.test('what an expression means', async (test) => {
  for (const [expression, expected] of expressions) {
    const setting = await Setting.of(test);
    const creating = setting.create({ ...request, expression });
    if (typeof expected === 'string') await test.rejects(creating, { code: expected }, `${JSON.stringify(expression)}`);
    else test.same(Object.keys(await setting.targets(await creating)), expected, `${JSON.stringify(expression)}`);
  }
});

void t.test('nodes that are gone are no targets', async (test) => {
  const setting = await Setting.of(test);
  await change(setting.store, 'nodes', idNumber('node', 2), { phase: 'gone' });
  test.same(Object.keys(await setting.targets(await setting.create(request))), ['web-1', 'web-3']);
  await test.rejects(setting.create({ ...request, expression: 'web-2' }), { code: 'WO_NOT_FOUND' });
  for (const number of [1, 3]) await change(setting.store, 'nodes', idNumber('node', number), { phase: 'gone' });
  await test.rejects(setting.create(request), { code: 'WO_NOT_FOUND', message: /has no nodes/ });
});
