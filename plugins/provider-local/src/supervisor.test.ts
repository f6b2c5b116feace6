import type { Clock } from '@wombat/plugin-sdk';
import { FakeHost } from '@wombat/plugin-sdk/testing';
import t from 'tap';
import type { HostRecord, HostRecords } from './host-records.js';
import { startTimeOf } from './processes.js';
import { Supervisor, supervisorTimes } from './supervisor.js';

const dead: HostRecord = {
  version: 1, key: 'key', hostId: 'host-aaaaaaaaaaaa', address: '127.9.9.1', tags: {}, labels: [], createdAt: 0, desired: 'present', argv: ['agent'],
  environment: {},
};
const alive: HostRecord = { ...dead, pid: process.pid, startTime: startTimeOf(process.pid)! };

/** Each sleep is one turn of the loop, made by the test. */
class StepClock implements Clock {
  #time = 0;
  #wake: (() => void) | undefined;
  now = () => this.#time;
  monotonic = () => this.#time;
  sleep = async (_ms: number, signal?: AbortSignal) => {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  };

  /** Time goes on, the loop looks, and what it started has settled. */
  async advance(ms: number): Promise<void> {
    this.#time += ms;
    this.#wake?.();
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
  }
}

function watch(start: () => HostRecord | undefined) {
  const clock = new StepClock();
  const host = new FakeHost();
  const startedAt: number[] = [];
  let record = dead;
  const supervisor = new Supervisor({
    records: { all: () => [record] } as unknown as HostRecords, clock, log: host.log, times: supervisorTimes, isBusy: () => false,
    start: async () => {
      startedAt.push(clock.monotonic());
      record = start() ?? record;
    },
  });
  supervisor.run();
  return { clock, host, startedAt, supervisor, set: (changed: HostRecord) => (record = changed) };
}

t.test('an agent that dies at once is started after 1, 2, 4 ... 30 seconds', async (t) => {
  const { clock, startedAt, supervisor, host } = watch(() => undefined);
  for (let second = 0; second < 120; second += 1) await clock.advance(1_000);
  const delays = startedAt.slice(1).map((time, index) => time - startedAt[index]!);
  // One second more: death is seen by the sweep after the start.
  t.strictSame(delays, [2_000, 3_000, 5_000, 9_000, 17_000, 31_000, 31_000], 'the delays must double, up to 30 s');
  t.match(host.lines[0], { level: 'warn', fields: { hostId: dead.hostId, delayMs: 1_000 } });
  await supervisor.stop();
});

t.test('an agent that lived long is started after one second again', async (t) => {
  const { clock, startedAt, supervisor, set } = watch(() => alive);
  for (let time = 0; time < 20; time += 1) await clock.advance(1_000);
  t.equal(startedAt.length, 1, 'a living agent is left alone');
  set(dead);
  await clock.advance(1_000);
  t.equal(startedAt.length, 1, 'a dead one is not started without a delay');
  await clock.advance(1_000);
  t.equal(startedAt.length, 2);
  await supervisor.stop();
});

t.test('a start that fails is told and tried again', async (t) => {
  const { clock, host, startedAt, supervisor } = watch(() => {
    throw new Error('no program');
  });
  for (let time = 0; time < 3; time += 1) await clock.advance(1_000);
  t.ok(startedAt.length >= 2, 'it was tried again');
  t.match(host.lines.find(({ level }) => level === 'error'), { message: 'an agent cannot be started', fields: { hostId: dead.hostId } });
  await supervisor.stop();
});

t.test('a host that is being destroyed is never started', async (t) => {
  const { clock, startedAt, supervisor, set } = watch(() => undefined);
  await clock.advance(0);
  const before = startedAt.length;
  set({ ...dead, desired: 'absent' });
  for (let time = 0; time < 10; time += 1) await clock.advance(1_000);
  t.equal(startedAt.length, before);
  await supervisor.stop();
});
