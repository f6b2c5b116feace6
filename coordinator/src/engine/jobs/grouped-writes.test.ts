import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { GroupedWrites } from './grouped-writes.js';

/** Holds each write until it is let go. */
function held(refuses: (item: number) => boolean = () => false): { writes: number[][]; letGo: () => Promise<void>; grouped: GroupedWrites<number> } {
  const writes: number[][] = [];
  let finish = (): void => undefined;
  const grouped = new GroupedWrites<number>({
    atMost: 4,
    concernsAll: (error) => (error as Error).message.includes('99'),
    write: async (items) => {
      writes.push([...items]);
      await new Promise<void>((resolve) => (finish = resolve));
      if (items.some(refuses)) throw new Error(`refused ${String(items)}`);
    },
  });
  const letGo = async (): Promise<void> => {
    finish();
    for (let turn = 0; turn < 3; turn += 1) await setImmediate();
  };
  return { writes, letGo, grouped };
}

t.test('what comes during a write is written together by the next, within the bound', async (t) => {
  const { writes, letGo, grouped } = held();
  const first = grouped.add([1]);
  await setImmediate();
  const others = Promise.all([grouped.add([2, 3]), grouped.add([4]), grouped.add([5, 6])]);
  t.same(writes, [[1]], 'one at a time');
  await letGo();
  await first;
  t.same(writes, [[1], [2, 3, 4]], 'as many as fit, no caller cut in two');
  await letGo();
  t.same(writes.at(-1), [5, 6], 'then the rest');
  await letGo();
  await others;
});

t.test('one who brings more than the bound is written alone', async (t) => {
  const { writes, letGo, grouped } = held();
  const all = Promise.all([grouped.add([1, 2, 3, 4, 5]), grouped.add([6])]);
  await setImmediate();
  await letGo();
  await letGo();
  await all;
  t.same(writes, [[1, 2, 3, 4, 5], [6]], 'nothing is split, and nothing waits for ever');
});

t.test('a write that fails is done again for each caller by itself', async (t) => {
  const { writes, letGo, grouped } = held((item) => item === 2);
  const results = Promise.allSettled([grouped.add([1]), grouped.add([2]), grouped.add([3])]);
  await setImmediate();
  for (let write = 0; write < 4; write += 1) await letGo();
  t.same((await results).map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled'], 'only who brought what cannot be written hears of it');
  t.same(writes, [[1, 2, 3], [1], [2], [3]], 'together first, then one by one');
});

t.test('a refusal that has nothing to do with what was brought is told to all, and nothing is tried alone', async (t) => {
  const { writes, letGo, grouped } = held((item) => item === 99);
  const results = Promise.allSettled([grouped.add([1]), grouped.add([99]), grouped.add([3])]);
  await setImmediate();
  await letGo();
  t.same((await results).map(({ status }) => status), ['rejected', 'rejected', 'rejected']);
  t.same(writes, [[1, 99, 3]], 'a store that is away is not asked once for each');
});

t.test('as long as more is expected it is waited for, until there is enough', async (t) => {
  const writes: number[][] = [];
  let expected = 3;
  const grouped = new GroupedWrites<number>({ atMost: 4, concernsAll: () => false, expectsMore: (size) => expected > size, write: async (items) => void writes.push([...items]) });
  const first = grouped.add([1]);
  for (let turn = 0; turn < 3; turn += 1) await setImmediate();
  t.same(writes, [], 'two more may come');
  await Promise.all([first, grouped.add([2, 3])]);
  t.same(writes, [[1, 2, 3]], 'nothing more can come');
  expected = 100;
  await Promise.all([grouped.add([4]), grouped.add([5, 6, 7])]);
  t.same(writes.at(-1), [4, 5, 6, 7], 'as many as are written together');
  await grouped.add([8]);
  t.same(writes.at(-1), [8], 'and who does not come is not waited for long');
});
