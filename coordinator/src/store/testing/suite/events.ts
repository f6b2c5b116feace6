import type { Test } from 'tap';
import type { Implementation } from '../place.js';
import { event, told } from '../rows.js';

/** The log of events, the counters, the requests. */
export function eventTests(t: Test, { name, place }: Implementation): void {
  void t.test(`${name}: events are numbered without a gap and filtered by what they are about`, async (test) => {
    const store = await (await place(test)).open();
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        store.transaction((transaction) => transaction.events.append(event(index % 2 ? 'node.phase' : 'host.phase', { nodeId: index % 2 ? 'n' : '', payload: { index } }))),
      ),
    );
    const all = await store.read.events.list({ afterSequence: 0, limit: 100 });
    test.strictSame(all.map(({ sequence }) => sequence), Array.from({ length: 20 }, (_, index) => index + 1), 'gapless');
    test.strictSame(all.map(({ payload }) => payload), Array.from({ length: 20 }, (_, index) => ({ index })), 'in the order in which they were asked for');
    test.equal((await store.read.events.list({ afterSequence: 0, limit: 100, nodeId: 'n' })).length, 10, 'of a node');
    test.equal((await store.read.events.list({ afterSequence: 0, limit: 100, typePrefix: 'host.' })).length, 10, 'of a type');
    const newest = await store.read.events.list({ afterSequence: 0, limit: 3, newest: true });
    test.strictSame(newest.map(({ sequence }) => sequence), [18, 19, 20], 'the newest, in their order');
    test.equal(await store.read.events.lastSequence(), 20);
  });

  void t.test(`${name}: events are dropped from the oldest on, in portions`, async (test) => {
    const store = await (await place(test)).open();
    await store.transaction((transaction) => transaction.events.append(...Array.from({ length: 10 }, () => event())));
    test.equal(await store.transaction((transaction) => transaction.events.drop(7, 5)), 5, 'no more than the portion');
    test.equal(await store.transaction((transaction) => transaction.events.drop(7, 5)), 2, 'then the rest');
    test.equal(await store.read.events.oldestKept(), 8);
    await store.transaction((transaction) => transaction.events.append(event('y')));
    test.strictSame(await told(store), [[8, 'x'], [9, 'x'], [10, 'x'], [11, 'y']], 'numbers are never given twice');
  });

  void t.test(`${name}: counters give each number once, however many ask at a time`, async (test) => {
    const store = await (await place(test)).open();
    const given = await Promise.all(Array.from({ length: 30 }, (_, index) => store.transaction((transaction) => transaction.nextNumber('ports', (index % 3) + 1))));
    const numbers = given.flatMap((first, index) => Array.from({ length: (index % 3) + 1 }, (_, offset) => first + offset));
    test.strictSame(numbers.sort((a, b) => a - b), Array.from({ length: 60 }, (_, index) => index + 1), 'from 1 on, none twice, none left out');
    test.equal(await store.transaction((transaction) => transaction.nextNumber('others')), 1, 'each name counts for itself');
    await store.transaction((transaction) => transaction.nextNumber('large', 2 ** 53 - 10));
    test.equal(await store.transaction((transaction) => transaction.nextNumber('large')), 2 ** 53 - 9, 'far beyond 32 bits');
  });

  void t.test(`${name}: a request is remembered until it expires`, async (test) => {
    const store = await (await place(test)).open();
    const record = { key: 'k', requestHash: 'h', expiresAt: 5_000_000_000_000 };
    await store.transaction((transaction) => transaction.requests.put(record));
    test.strictSame(await store.read.requests.get('k'), record, 'without an answer yet');
    await store.transaction((transaction) => transaction.requests.put({ ...record, results: 'r', answer: 'a' }));
    test.strictSame(await store.read.requests.get('k'), { ...record, results: 'r', answer: 'a' }, 'written in place of the older one');
    await store.transaction((transaction) => transaction.requests.put({ ...record, key: 'l', expiresAt: 1 }));
    test.equal(await store.transaction((transaction) => transaction.requests.dropExpired(2, 10)), 1, 'what has expired goes');
    test.equal(await store.read.requests.get('l'), undefined);
    test.ok(await store.read.requests.get('k'), 'what has not stays');
  });
}
