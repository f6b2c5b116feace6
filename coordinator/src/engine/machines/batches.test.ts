import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { Batches } from './batches.js';

interface Run {
  readonly items: readonly number[];
  readonly end: (error?: Error) => void;
}

function held(atOnce: number, largest: number): { batches: Batches<number, string>; runs: Run[] } {
  const runs: Run[] = [];
  const batches = new Batches<number, string>({
    atOnce, largest, enter: async () => undefined,
    run: (items, signal) => new Promise((resolve, reject) => {
      runs.push({ items, end: (error) => (error ? reject(error) : resolve(items.map((item) => `done ${item}`))) });
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    }),
  });
  return { batches, runs };
}

void t.test('one at a time while workers are free, whole batches when all are busy', async (test) => {
  const { batches, runs } = held(2, 3);
  const first = [1, 2].map((item) => batches.add(item));
  await setImmediate();
  const later = [3, 4, 5, 6, 7].map((item) => batches.add(item));
  await setImmediate();
  test.same(runs.map(({ items }) => items), [[1, 2], [3, 4, 5]], 'as much as one batch may hold; the rest waits for a worker');
  runs[0]!.end();
  test.same(await Promise.all(first), ['done 1', 'done 2'], 'each has its own result');
  await setImmediate();
  test.same(runs[2]?.items, [6, 7], 'a free worker takes all that has gathered');
  runs[1]!.end();
  runs[2]!.end();
  test.same(await Promise.all(later), [3, 4, 5, 6, 7].map((item) => `done ${item}`));
  const next = batches.add(8);
  await setImmediate();
  runs[3]!.end();
  test.equal(await next, 'done 8', 'workers that had nothing to do are there again');
  await batches.stop();
});

void t.test('a batch that fails takes no other with it, and stopping ends what waits', async (test) => {
  const { batches, runs } = held(1, 1);
  const [bad, good, waiting] = [batches.add(1), batches.add(2), batches.add(3)];
  await setImmediate();
  runs[0]!.end(new Error('refused'));
  await test.rejects(bad, { message: 'refused' });
  await setImmediate();
  runs[1]!.end();
  test.equal(await good, 'done 2');
  const stopping = batches.stop();
  await test.rejects(waiting, { code: 'WO_UNAVAILABLE' });
  await stopping;
  await test.rejects(batches.add(4), { code: 'WO_UNAVAILABLE' }, 'nothing begins afterwards');
});
