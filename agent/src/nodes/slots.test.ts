import t from 'tap';
import { Slots } from './slots.js';

t.test('no more than there are slots, in the order they came', async (t) => {
  const slots = new Slots(2);
  const never = new AbortController().signal;
  const order: number[] = [];
  const first = await slots.acquire(never);
  const second = await slots.acquire(never);
  const waiting = [3, 4].map((number) => slots.acquire(never).then((release) => (order.push(number), release)));
  await new Promise((resolve) => setImmediate(resolve));
  t.strictSame(order, []);
  first();
  first();
  const third = await waiting[0]!;
  t.strictSame(order, [3], 'giving back twice gives one');
  second();
  (await waiting[1]!)();
  third();
  t.strictSame(order, [3, 4]);
});

t.test('whoever gives up waiting takes no slot', async (t) => {
  const slots = new Slots(1);
  const release = await slots.acquire(new AbortController().signal);
  const gone = new AbortController();
  const given = slots.acquire(gone.signal);
  gone.abort(new Error('gone'));
  await t.rejects(given, { message: 'gone' });
  await t.rejects(slots.acquire(gone.signal), { message: 'gone' });
  release();
  (await slots.acquire(new AbortController().signal))();
});
