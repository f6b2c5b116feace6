import t, { type Test } from 'tap';
import type { Event, NewEvent } from '../../domain/model/event.js';
import { ManualClock, settle } from '../../fleet/testing/manual-clock.js';
import type { Store } from '../../store/store.js';
import { openTestStore } from '../../testing/test-store.js';
import { followEvents } from './follow-events.js';

const event = (fields: Partial<NewEvent> = {}): NewEvent => ({ type: 'x', subjectId: 's', subjectName: 's', reason: 'r', message: 'm', ...fields });

async function storeWith(test: Test, count: number, fields: Partial<NewEvent> = {}): Promise<Store> {
  const store = await openTestStore(test, new ManualClock());
  if (count > 0) await append(store, ...Array.from({ length: count }, () => event(fields)));
  return store;
}

async function append(store: Store, ...events: readonly NewEvent[]): Promise<void> {
  await store.transaction((transaction) => transaction.events.append(...events));
}

/** Takes events until there are so many, or until it is aborted. */
async function take(events: AsyncIterable<Event>, count: number): Promise<number[]> {
  const sequences: number[] = [];
  for await (const { sequence } of events) {
    sequences.push(sequence);
    if (sequences.length === count) break;
  }
  return sequences;
}

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

void t.test('what was, then what comes: no gap and nothing twice, while others write', async (test) => {
  const store = await storeWith(test, 1_200);
  const following = take(followEvents(store, {}, 100, new AbortController().signal), 1_500);
  for (let written = 0; written < 400; written += 7) {
    await append(store, ...Array.from({ length: Math.min(7, 400 - written) }, () => event()));
    if (written % 3 === 0) await settle(1);
  }
  test.same(await following, numbers(101, 1_600));
});

void t.test('an event that comes between two reads is not missed', async (test) => {
  const store = await storeWith(test, 1);
  const events = followEvents(store, {}, 0, new AbortController().signal);
  test.equal((await events.next()).value?.sequence, 1);
  // The reader stands at its yield: nobody waits for the commit now.
  await append(store, event());
  test.equal((await events.next()).value?.sequence, 2);
  const waiting = events.next();
  await settle();
  await append(store, event());
  test.equal((await waiting).value?.sequence, 3, 'nor one that comes while it waits');
  await events.return(undefined);
});

void t.test('only what matches is told, however much passes by', async (test) => {
  const store = await storeWith(test, 600, { nodeId: 'node-b' });
  const following = take(followEvents(store, { nodeId: 'node-a' }, 0, new AbortController().signal), 2);
  await settle();
  await append(store, event({ nodeId: 'node-b' }), event({ nodeId: 'node-a' }));
  await append(store, event({ nodeId: 'node-b' }));
  await append(store, event({ nodeId: 'node-a' }));
  test.same(await following, [602, 604]);
});

void t.test('what does not match is searched through once, not at every commit', async (test) => {
  const store = await storeWith(test, 50, { type: 'other' });
  const asked: number[] = [];
  const watched: Store = {
    ...store,
    transaction: (work) => store.transaction(work),
    onCommit: (listener) => store.onCommit(listener),
    close: () => store.close(),
    read: { ...store.read, events: { list: (query) => {
      asked.push(query.afterSequence);
      return store.read.events.list(query);
    }, lastSequence: () => store.read.events.lastSequence(), oldestKept: () => store.read.events.oldestKept() } },
  };
  const stop = new AbortController();
  const following = take(followEvents(watched, { typePrefix: 'node.' }, 0, stop.signal), 9);
  await settle();
  await append(store, event({ type: 'other' }));
  await settle();
  await append(store, event({ type: 'node.phase' }));
  await settle();
  stop.abort();
  test.same(await following, [52]);
  test.same(asked, [0, 50, 51], 'each look begins where the last one ended');
});

void t.test('events that were dropped are not passed over in silence', async (test) => {
  const store = await storeWith(test, 10);
  await store.transaction((transaction) => transaction.events.drop(6, 100));
  const from = (after: number): Promise<number[]> => take(followEvents(store, {}, after, new AbortController().signal), 4);
  await test.rejects(from(3), { code: 'WO_EVENTS_GONE', details: { oldest: '7' } }, 'number 4 is gone');
  test.same(await from(6), [7, 8, 9, 10], 'number 7 is there');
  test.same(await from(0), [7, 8, 9, 10], 'nought means whatever there is');
});

void t.test('the caller goes: it ends, and nothing of it stays behind', async (test) => {
  const store = await storeWith(test, 1);
  let listeners = 0;
  const counted: Store = {
    ...store, read: store.read, transaction: (work) => store.transaction(work), close: () => store.close(),
    onCommit: (listener) => {
      listeners += 1;
      const off = store.onCommit(listener);
      return () => {
        listeners -= 1;
        off();
      };
    },
  };
  const stop = new AbortController();
  const following = take(followEvents(counted, {}, 0, stop.signal), 9);
  await settle();
  test.equal(listeners, 1);
  stop.abort();
  test.same(await following, [1]);
  test.equal(listeners, 0, 'after an abort');
  const early = followEvents(counted, {}, 0, new AbortController().signal);
  await early.next();
  await early.return(undefined);
  test.equal(listeners, 0, 'after a consumer that had enough');
  const late = new AbortController();
  late.abort();
  test.same(await take(followEvents(counted, {}, 0, late.signal), 9), [], 'a call that was over before it began');
  test.equal(listeners, 0);
});
