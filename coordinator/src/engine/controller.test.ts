import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { systemClock } from '@wombat/proto';
import { Controller } from './controller.js';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const none = async (): Promise<readonly string[]> => [];

function gate(): { promise: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, open };
}

void t.test('wake-ups of a queued object are one look; one during a look leads to another', async (test) => {
  const looks: string[] = [];
  const first = gate();
  const done = gate();
  const controller = new Controller({
    name: 'test', clock: systemClock, log: silent, all: none,
    reconcile: async (id) => {
      looks.push(id);
      if (looks.length === 1) await first.promise;
      if (looks.length === 2) done.open();
    },
  });
  controller.wake('a');
  controller.wake('a');
  await setImmediate();
  await setImmediate();
  controller.wake('a');
  controller.wake('a');
  test.same(looks, ['a'], 'never two looks at once');
  first.open();
  await done.promise;
  test.same(looks, ['a', 'a'], 'and one more for all wake-ups meanwhile');
  await controller.stop();
});

void t.test('what throws is tried again, and does not hold up others', async (test) => {
  const done = gate();
  let failures = 0;
  const others: string[] = [];
  const controller = new Controller({
    name: 'test', clock: systemClock, log: silent, all: none, concurrency: 1,
    reconcile: async (id) => {
      if (id !== 'bad') return void others.push(id);
      failures += 1;
      if (failures === 1) throw new Error('on purpose');
      done.open();
    },
  });
  controller.wake('bad');
  controller.wake('good');
  await done.promise;
  test.equal(failures, 2);
  test.same(others, ['good']);
  await controller.stop();
});

void t.test('an object is looked at again after the time its look asked for', async (test) => {
  const done = gate();
  let looks = 0;
  const controller = new Controller({
    name: 'test', clock: systemClock, log: silent, all: async () => ['a'],
    reconcile: async () => {
      looks += 1;
      if (looks === 1) return 5;
      done.open();
    },
  });
  await controller.start();
  await done.promise;
  test.equal(looks, 2, 'once by the first sweep, once by its own wish');
  await controller.stop();
});

void t.test('stopping aborts the look under way and waits for its end', async (test) => {
  let ended = false;
  const started = gate();
  const controller = new Controller({
    name: 'test', clock: systemClock, log: silent, all: none,
    reconcile: async (_, signal) => {
      started.open();
      await systemClock.sleep(60_000, signal).catch(() => undefined);
      ended = true;
    },
  });
  controller.wake('a');
  await started.promise;
  await controller.stop();
  test.ok(ended);
});

void t.test('a wake-up comes before a later wish of the object itself', async (test) => {
  const done = gate();
  let looks = 0;
  const controller = new Controller({
    name: 'test', clock: systemClock, log: silent, all: none, gatherMs: 5,
    reconcile: async () => {
      looks += 1;
      if (looks === 1) return 600_000;
      done.open();
    },
  });
  controller.wake('a', 0);
  await systemClock.sleep(1);
  while (looks < 1) await systemClock.sleep(1);
  controller.wake('a');
  await done.promise;
  test.equal(looks, 2, 'not held up by the ten minutes that the first look asked for');
  await controller.stop();
});

void t.test('a sweep over thousands of objects lets everything else have its turn', async (test) => {
  const objects = Array.from({ length: 2_000 }, (_, index) => `object-${index}`);
  const done = gate();
  let looks = 0;
  let turns = 0;
  const controller = new Controller({
    name: 'test', clock: systemClock, log: silent, all: async () => objects,
    reconcile: async () => {
      looks += 1;
      if (looks === objects.length) done.open();
    },
  });
  let isOver = false;
  const others = (async () => {
    while (!isOver) {
      await setImmediate();
      turns += 1;
    }
  })();
  await controller.start();
  await done.promise;
  isOver = true;
  await others;
  test.ok(turns >= objects.length / 16, `others had ${turns} turns while ${looks} objects were looked at, 16 at a time`);
  await controller.stop();
});
