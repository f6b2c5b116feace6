import { setImmediate } from 'node:timers/promises';
import type { Test } from 'tap';
import { WombatError } from '@wombat/proto';
import type { Commit, Transaction } from '../../store.js';
import type { Implementation } from '../place.js';
import { event, provider, told } from '../rows.js';

/** All or nothing, one after another, and who is told of it. */
export function transactionTests(t: Test, { name, place }: Implementation): void {
  void t.test(`${name}: a transaction that throws anywhere leaves nothing: no object, no event, no number`, async (test) => {
    const store = await (await place(test)).open();
    const commits: Commit[] = [];
    store.onCommit((commit) => commits.push(commit));
    const first = await store.transaction((transaction) => transaction.providers.insert(provider(1)));
    const steps: readonly ((transaction: Transaction) => Promise<unknown>)[] = [
      (transaction) => transaction.providers.insert(provider(2)),
      (transaction) => transaction.providers.update({ ...first, identity: 'changed' }),
      (transaction) => transaction.providers.insertAll(Array.from({ length: 120 }, (_, index) => provider(10 + index))),
      (transaction) => transaction.events.append(event(), event()),
      (transaction) => transaction.nextNumber('ports', 3),
      (transaction) => transaction.meta.set('key', 'value'),
      (transaction) => transaction.requests.put({ key: 'k', requestHash: 'h', expiresAt: 1 }),
      (transaction) => transaction.providers.delete(first.id),
    ];
    for (let reached = 0; reached <= steps.length; reached += 1) {
      const failing = store.transaction(async (transaction) => {
        for (const step of steps.slice(0, reached)) await step(transaction);
        throw new WombatError('WO_CANCELLED', 'on purpose');
      });
      await test.rejects(failing, { code: 'WO_CANCELLED' }, `thrown after ${reached} steps`);
      test.strictSame(await store.read.providers.find({}), [first], `after ${reached} steps: objects`);
      test.strictSame([await told(store), await store.read.meta.get('key'), await store.read.requests.get('k')], [[], undefined, undefined], `after ${reached} steps: all else`);
    }
    test.equal(commits.length, 1, 'nobody is told of it');
    test.equal(await store.transaction((transaction) => transaction.nextNumber('ports')), 1, 'numbers are as before');
    await store.transaction((transaction) => transaction.events.append(event('y')));
    test.strictSame(await told(store), [[1, 'y']], 'the sequence has no gap');
  });

  void t.test(`${name}: transactions that come at once see each other whole, and are told in their order`, async (test) => {
    const store = await (await place(test)).open();
    const first = await store.transaction((transaction) => transaction.providers.insert(provider(1, 'counted', { settings: { count: 0 } })));
    const sequences: number[] = [];
    store.onCommit(({ events }) => sequences.push(...events.map(({ sequence }) => sequence)));
    const count = 40;
    await Promise.all(Array.from({ length: count }, () =>
      store.transaction(async (transaction) => {
        const now = (await transaction.providers.get(first.id))!;
        await transaction.providers.update({ ...now, settings: { count: Number(now.settings['count']) + 1 } });
        await transaction.events.append(event());
      })));
    test.match(await store.read.providers.get(first.id), { revision: count + 1, settings: { count } }, 'no change was lost');
    test.strictSame(sequences, Array.from({ length: count }, (_, index) => index + 1), 'listeners heard of each, in order');
    const seen = await store.read.providers.get(first.id);
    const swaps = await Promise.allSettled(Array.from({ length: 10 }, () => store.transaction((transaction) => transaction.providers.update(seen!))));
    test.equal(swaps.filter(({ status }) => status === 'fulfilled').length, 1, 'of those who have seen the same revision one may write');
  });

  void t.test(`${name}: of transactions that come at once those that fail leave nothing, and the others are kept`, async (test) => {
    const store = await (await place(test)).open();
    const heard: number[] = [];
    store.onCommit(({ events }) => heard.push(...events.map(({ sequence }) => sequence)));
    const failing = (index: number): boolean => index % 3 === 0;
    const results = await Promise.allSettled(Array.from({ length: 30 }, (_, index) =>
      store.transaction(async (transaction) => {
        await transaction.providers.insert(provider(index));
        await transaction.events.append(event());
        if (failing(index)) throw new WombatError('WO_CANCELLED', 'on purpose');
      })));
    test.strictSame(results.map(({ status }) => status === 'rejected'), results.map((_, index) => failing(index)), 'each hears of itself');
    const kept = results.map((_, index) => index).filter((index) => !failing(index));
    test.strictSame((await store.read.providers.find({})).map(({ id }) => id), kept.map((index) => provider(index).id), 'objects');
    test.strictSame(heard, kept.map((_, index) => index + 1), 'the sequence of events has no gap');
  });

  void t.test(`${name}: nobody sees half a transaction, and whoever was told of one sees all of it`, async (test) => {
    const store = await (await place(test)).open();
    let isOver = false;
    let turns = 0;
    const seen = new Set<number>();
    const others = (async () => {
      while (!isOver) {
        await setImmediate();
        turns += 1;
        seen.add(await store.read.providers.count({}));
      }
    })();
    const rows = Array.from({ length: 2_000 }, (_, index) => provider(index));
    const inListener: Promise<number>[] = [];
    store.onCommit(() => inListener.push(store.read.providers.count({})));
    const long = store.transaction(async (transaction) => {
      await transaction.providers.insertAll(rows);
      await transaction.events.append(...rows.map(() => event()));
      test.equal(await transaction.providers.count({}), rows.length, 'the transaction itself sees what it has written');
    });
    const next = store.transaction((transaction) => transaction.events.append(event('y')));
    await long;
    test.equal(await store.read.providers.count({}), rows.length, 'an acknowledged write can be read');
    isOver = true;
    await Promise.all([others, next]);
    test.ok(turns >= 10, `others had ${turns} turns meanwhile`);
    test.strictSame([...seen].filter((count) => count !== 0 && count !== rows.length), [], 'nobody has seen a part of it');
    test.strictSame(await Promise.all(inListener), [rows.length, rows.length], 'listeners see what they are told of');
    test.match(await store.read.events.list({ afterSequence: rows.length, limit: 10 }), [{ type: 'y' }], 'who came later has waited');
  });

  void t.test(`${name}: a commit tells what was written last`, async (test) => {
    const store = await (await place(test)).open();
    const commits: Commit[] = [];
    const forget = store.onCommit((commit) => commits.push(commit));
    await store.transaction(async (transaction) => {
      const first = await transaction.providers.insert(provider(1));
      await transaction.providers.update({ ...first, identity: 'later' });
    });
    test.match(commits, [{ changes: [{ kind: 'providers', id: provider(1).id, object: { identity: 'later' } }], events: [] }]);
    await store.transaction((transaction) => transaction.providers.count({}));
    test.equal(commits.length, 1, 'who only reads changes nothing');
    forget();
    await store.transaction((transaction) => transaction.providers.delete(provider(1).id));
    test.equal(commits.length, 1, 'a listener that has gone hears nothing');
  });
}
