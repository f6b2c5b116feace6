import t from 'tap';
import type { Job, JobLimits, JobTarget } from '../../domain/model/job.js';
import { idNumber } from '../../testing/counting-ids.js';
import { outcomeOf, type SentExec } from '../../testing/fake-fleet.js';
import { host, request, Setting } from '../../testing/job-setting.js';
import { change, row } from '../../testing/test-store.js';

/** What the engine does: looks at a job that has changed. */
async function look({ jobs }: Setting, job: Job): Promise<number | void> {
  return jobs.reconcile(job.id);
}

async function begin(setting: Setting, limits: JobLimits, fields: Partial<typeof request> & { expect?: 'present' } = {}): Promise<Job> {
  const job = await setting.create({ ...request, ...fields, limits });
  await look(setting, job);
  return job;
}

/** Who has been sent to and has not answered. */
const answered = new WeakSet<SentExec>();
async function answer(setting: Setting, job: Job, exitCode = 0, amount = Infinity): Promise<void> {
  const open = setting.fleet.execs.filter((exec) => !answered.has(exec)).slice(0, amount);
  for (const exec of open) {
    answered.add(exec);
    await setting.jobs.outcomes(exec.hostId, [outcomeOf(exec, exitCode)]);
  }
  await look(setting, job);
}

async function errorsOf({ store }: Setting, job: Job): Promise<Record<string, string>> {
  const targets: JobTarget[] = await store.read.jobTargets.find({ jobId: job.id });
  return Object.fromEntries(targets.flatMap(({ name, outcome, error }) => (error ? [[name, `${outcome} ${error.code}`]] : [])));
}

void t.test('a window: the next is sent when one has ended, also by another process', async (test) => {
  const setting = await Setting.of(test, 5);
  const job = await begin(setting, { window: { number: 2 } });
  test.same(setting.sent(), ['b b', 'c c'], 'no more than two at first');
  test.same(await setting.jobs.holdOf(job), { count: 3, for: 'outcomes' }, 'it says what it waits for');
  await answer(setting, job, 0, 1);
  test.same(setting.sent().slice(2), ['d d'], 'one for one');
  setting.restart();
  await look(setting, job);
  test.equal(setting.sent().length, 3, 'a coordinator that is started again knows of those in flight');
  await setting.jobs.resend(host(5));
  test.equal(setting.sent().length, 3, 'a host that comes back gets nothing that is held');
  await setting.jobs.resend(host(3));
  test.same(setting.sent().slice(3), ['d d'], 'but what was released');
  await answer(setting, job, 0, 2);
  test.same(setting.sent().slice(4), ['e e', 'f f'], 'and it goes on');
  await answer(setting, job);
  test.match(await setting.job(job), { state: 'finished' });
  test.equal(await setting.jobs.holdOf(await setting.job(job)), undefined);
});

void t.test('what was released before a crash and not sent goes out when its host is back', async (test) => {
  const setting = await Setting.of(test, 3);
  const job = await setting.create({ ...request, limits: { window: { number: 1 } } });
  const send = setting.fleet.sendExec.bind(setting.fleet);
  setting.fleet.sendExec = () => {
    throw new Error('killed');
  };
  await test.rejects(look(setting, job), { message: 'killed' });
  setting.fleet.sendExec = send;
  setting.restart();
  await look(setting, job);
  test.same(setting.sent(), [], 'it may have arrived: the second is not released');
  await setting.jobs.resend(host(1));
  test.same(setting.sent(), ['b b']);
  await answer(setting, job);
  test.same(setting.sent(), ['b b', 'c c']);
});

void t.test('after a start hosts that are away are awaited; others go before them', async (test) => {
  const setting = await Setting.of(test, 3);
  setting.gathersHosts = true;
  setting.fleet.connected.delete(host(1));
  const job = await begin(setting, { window: { number: 1 } });
  test.same(setting.sent(), ['c c'], 'the first is passed by');
  await answer(setting, job);
  await answer(setting, job);
  test.same(setting.sent(), ['c c', 'd d']);
  test.ok(Number(await look(setting, job)) <= 1_000, 'it looks again soon');
  test.same(await setting.jobs.holdOf(job), { count: 1, for: 'hosts' }, 'and says what it waits for');
  test.same((await setting.targets(job))['web-1'], undefined, 'it has not failed');
  setting.fleet.connect(host(1));
  await look(setting, job);
  test.same(setting.sent().at(-1), 'b b', 'now it is there');
  await answer(setting, job);
  const again = await begin(setting, { window: { number: 3 } });
  setting.fleet.connected.delete(host(1));
  setting.gathersHosts = false;
  await answer(setting, again);
  const late = await begin(setting, { window: { number: 3 } });
  test.equal((await setting.targets(late))['web-1'], 'unreachable_before_send', 'later it is not');
});

void t.test('too many failures: nothing more is sent, what runs ends as it ends', async (test) => {
  const setting = await Setting.of(test, 6);
  const job = await begin(setting, { window: { number: 3 }, maxFailures: { number: 1 } });
  await answer(setting, job, 7, 1);
  test.equal(setting.sent().length, 3, 'nothing after the failure');
  test.match(await setting.job(job), { state: 'running', stopped: { code: 'WO_TOO_MANY_FAILURES', message: /1 of 6 targets/ } });
  test.same(await setting.targets(job), { 'web-1': 'failed', 'web-2': undefined, 'web-3': undefined, 'web-4': 'skipped', 'web-5': 'skipped', 'web-6': 'skipped' });
  setting.restart();
  await answer(setting, job);
  test.same(await setting.targets(job), { 'web-1': 'failed', 'web-2': 'ok', 'web-3': 'ok', 'web-4': 'skipped', 'web-5': 'skipped', 'web-6': 'skipped' });
  test.match(await errorsOf(setting, job), { 'web-6': 'skipped WO_TOO_MANY_FAILURES' }, 'each says why');
  test.match(await setting.job(job), { state: 'finished' });
  test.equal(setting.sent().length, 3);
});

void t.test('a host that is away is a failure in its turn', async (test) => {
  const setting = await Setting.of(test, 4);
  setting.fleet.connected.delete(host(1));
  setting.fleet.connected.delete(host(2));
  const job = await begin(setting, { window: { number: 1 }, maxFailures: { number: 2 } });
  test.same(await setting.targets(job), { 'web-1': 'unreachable_before_send', 'web-2': 'unreachable_before_send', 'web-3': 'skipped', 'web-4': 'skipped' });
  test.match(await setting.job(job), { state: 'finished' });
  test.same(setting.sent(), []);
});

void t.test('where only those present are expected, it is skipped instead', async (test) => {
  const setting = await Setting.of(test, 3);
  setting.fleet.connected.delete(host(2));
  const plain = await setting.create({ ...request, expect: 'present' });
  test.same(await setting.targets(plain), { 'web-1': undefined, 'web-2': 'skipped', 'web-3': undefined });
  test.match(await errorsOf(setting, plain), { 'web-2': 'skipped WO_HOST_UNREACHABLE' });
  test.same(setting.sent(), ['b b', 'd d']);
  setting.fleet.execs.length = 0;
  const job = await begin(setting, { window: { number: 1 }, maxFailures: { number: 1 } }, { expect: 'present' });
  await answer(setting, job);
  test.same(setting.sent(), ['b b', 'd d'], 'and is no failure that counts');
});

void t.test('groups: the next one when all of the one before have ended and the time has passed, also by another process', async (test) => {
  const setting = await Setting.of(test, 5);
  const job = await begin(setting, { batch: { share: { number: 2 }, waitMs: 5_000 } });
  await answer(setting, job, 0, 1);
  test.equal(setting.sent().length, 2, 'half a group has ended');
  await answer(setting, job, 0, 1);
  test.equal(setting.sent().length, 2, 'now the time counts');
  test.same(await setting.jobs.holdOf(await setting.job(job)), { count: 3, for: 'group', at: setting.clock.now() + 5_000 });
  await setting.clock.advance(3_000);
  setting.restart();
  test.equal(await look(setting, job), 2_000, 'it did not begin anew');
  await setting.clock.advance(2_000);
  await look(setting, job);
  test.equal(setting.sent().length, 4);
});

void t.test('after the first it pauses, over a restart, until somebody lets it go on', async (test) => {
  const setting = await Setting.of(test, 4);
  const job = await begin(setting, { first: { number: 1 } });
  await answer(setting, job);
  test.same(setting.sent(), ['b b']);
  test.match(await setting.job(job), { state: 'running', pausedAt: setting.clock.now() });
  setting.restart();
  await look(setting, job);
  test.same(await setting.jobs.holdOf(await setting.job(job)), { count: 3, for: 'resume' });
  await setting.clock.advance(10 * 24 * 3_600_000);
  await look(setting, job);
  test.match(await setting.job(job), { state: 'running' }, 'as long as it takes: nothing of it runs');
  await setting.store.transaction((transaction) => setting.jobs.resume(transaction, job));
  await look(setting, job);
  test.equal(setting.sent().length, 4, 'then to all others');
  const again = (): Promise<Job> => setting.store.transaction((transaction) => setting.jobs.resume(transaction, job));
  await test.rejects(again(), { code: 'WO_CONFLICT', message: /goes on already/ });
  await answer(setting, job);
  await test.rejects(again(), { code: 'WO_CONFLICT', message: /is over/ });
});

void t.test('one at a time of each zone', async (test) => {
  const setting = await Setting.of(test, 4, (number) => ({ zone: number <= 2 ? 'north' : 'south' }));
  const job = await begin(setting, { per: [{ label: 'zone', number: 1 }] });
  test.same(setting.sent(), ['b b', 'd d'], 'one of each');
  await answer(setting, job, 0, 1);
  test.same(setting.sent().slice(2), ['c c'], 'the next of the zone that has room');
  setting.restart();
  await answer(setting, job, 0, 1);
  test.same(setting.sent().slice(3), ['e e'], 'another process knows the zones of those in flight');
  const onHosts = await setting.create({ ...request, expression: 'zone = south', on: 'hosts', limits: { per: [{ label: 'zone', number: 1 }] } });
  setting.fleet.execs.length = 0;
  await look(setting, onHosts);
  test.equal(setting.sent().length, 1, 'of hosts too');
});

void t.test('nodes that have moved or stopped since the job was made: it goes where they are, and passes over who does not run', async (test) => {
  const setting = await Setting.of(test, 4);
  const job = await begin(setting, { window: { number: 1 } });
  await change(setting.store, 'nodes', idNumber('node', 2), { phase: 'stopped' });
  await change(setting.store, 'nodes', idNumber('node', 3), { hostId: host(1) });
  await answer(setting, job);
  test.same(setting.sent(), ['b b', 'b d'], 'the second is passed over, the third is on the first host');
  test.match(await errorsOf(setting, job), { 'web-2': 'skipped WO_NODE_NOT_RUNNING' });
  await answer(setting, job);
  test.match(await setting.targets(job), { 'web-3': 'ok' }, 'which may answer for it');
});

void t.test('a target has its time from its release on', async (test) => {
  const setting = await Setting.of(test, 2);
  const job = await begin(setting, { window: { number: 1 } });
  setting.fleet.connected.delete(host(1));
  const keptMs = Number(await look(setting, job));
  test.ok(keptMs > request.timeoutMs && keptMs < request.timeoutMs + 1_000, 'whoever has no session then is lost');
  await setting.clock.advance(keptMs);
  test.equal(await look(setting, job), keptMs, 'the first is lost, the second has all of its time');
  test.same(await setting.targets(job), { 'web-1': 'lost_during_run', 'web-2': undefined });
  setting.fleet.connected.clear();
  await setting.clock.advance(keptMs);
  await look(setting, job);
  test.match(await setting.job(job), { state: 'finished' });
});

void t.test('cancelled: what runs is asked to end, what was not sent is skipped', async (test) => {
  const setting = await Setting.of(test, 3);
  const job = await begin(setting, { window: { number: 1 } });
  await setting.jobs.cancel(job);
  await look(setting, job);
  test.same(setting.fleet.cancelled.map(({ hostId }) => hostId), [host(1)]);
  test.same(await errorsOf(setting, job), { 'web-2': 'skipped WO_CANCELLED', 'web-3': 'skipped WO_CANCELLED' });
  await answer(setting, job);
  test.same(setting.sent(), ['b b'], 'nothing more is sent');
  test.match(await setting.job(job), { state: 'finished' });
});

void t.test('a host cannot answer for what it was not sent', async (test) => {
  const setting = await Setting.of(test, 2);
  const job = await begin(setting, { window: { number: 1 } });
  const second = await row(setting.store, 'jobTargets', `${job.id}/${idNumber('node', 2)}`);
  await setting.jobs.outcomes(host(2), [outcomeOf({ targetId: second.targetId, job: { jobId: job.id } })]);
  test.same(await setting.targets(job), { 'web-1': undefined, 'web-2': undefined });
});
