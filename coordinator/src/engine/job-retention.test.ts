import t, { type Test } from 'tap';
import { ManualClock } from '../fleet/testing/manual-clock.js';
import type { Store } from '../store/store.js';
import { idNumber } from '../testing/counting-ids.js';
import { LogBook } from '../testing/log-book.js';
import { openTestStore, put } from '../testing/test-store.js';
import { JobRetention } from './job-retention.js';

const hourMs = 60 * 60_000;
const keepMs = 30 * 24 * hourMs;
const base = { generation: 1, observedGeneration: 1 };
const outputBytes = 1_000_000;

async function setting(test: Test) {
  const clock = new ManualClock();
  const store = await openTestStore(test, clock);
  const log = new LogBook();
  const retention = new JobRetention({ store, clock, log, keepMs, keepBytes: 2.5 * outputBytes });
  const names = async (): Promise<string[]> => (await store.read.jobs.find({})).map(({ name }) => name).sort();
  return { clock, store, log, retention, names };
}

async function putJob(store: Store, number: number, state: 'running' | 'finished', targets: number, stdout = ''): Promise<void> {
  const jobId = idNumber('job', number);
  await put(store, 'jobs', { ...base, id: jobId, name: `job ${number}`, principal: 'ada', expression: 'web', action: {}, timeoutMs: 1, state, targetCount: targets });
  await put(store, 'jobTargets', ...Array.from({ length: targets }, (_, index) => ({
    ...base, id: `${jobId}/${index}`, name: `${index}`, jobId, targetId: `${index}`, hostId: '', outcome: 'ok' as const, stdout, stderr: '', stdoutLostBytes: 0, stderrLostBytes: 0,
  })));
}

void t.test('jobs that are over go with all their targets, those that run stay', async (test) => {
  const { clock, store, retention, names } = await setting(test);
  await putJob(store, 1, 'finished', 250);
  await putJob(store, 2, 'running', 250);
  await clock.advance(keepMs);
  await retention.prune();
  test.same(await names(), ['job 1', 'job 2'], 'not a moment too early');
  await clock.advance(1);
  await retention.prune();
  test.same(await names(), ['job 2'], 'only the finished one');
  test.same(await store.read.jobTargets.countBy('jobId', {}), { [idNumber('job', 2)]: 250 }, 'with its targets');
});

void t.test('of jobs that take too much the oldest go, a small one that still fits stays, and what ended a moment ago too', async (test) => {
  const { clock, store, log, retention, names } = await setting(test);
  await putJob(store, 1, 'finished', 1, 'small');
  for (const number of [2, 3, 4]) {
    await clock.advance(hourMs);
    await putJob(store, number, 'finished', 1, 'x'.repeat(outputBytes));
  }
  await putJob(store, 5, 'running', 1, 'x'.repeat(3 * outputBytes));
  await retention.prune();
  test.same(await names(), ['job 1', 'job 3', 'job 4', 'job 5'], 'the oldest of three large ones');
  test.match(log.entries.map(({ message }) => message), [/history.jobBytes/], 'and the log tells why');
  await clock.advance(hourMs + 1);
  await putJob(store, 6, 'finished', 3, 'x'.repeat(outputBytes));
  await retention.prune();
  test.same(await names(), ['job 5', 'job 6'], 'what is larger than all that is kept can be read for an hour; the older ones make room');
  await clock.advance(hourMs + 1);
  await retention.prune();
  test.same(await names(), ['job 5'], 'then it goes');
});
