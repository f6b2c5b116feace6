import t from 'tap';
import type { Clock } from '@wombat/proto';
import { KeyedTokenBuckets, TokenBucket } from './token-bucket.js';

/** Sleeping only notes how long. */
function heldClock(): Clock & { turn(ms: number): void; slept: number[] } {
  let now = 0;
  const slept: number[] = [];
  return {
    slept,
    now: () => now,
    monotonic: () => now,
    turn: (ms) => void (now += ms),
    sleep: (ms) => {
      slept.push(ms);
      return Promise.resolve();
    },
  };
}

void t.test('a bucket gives its burst, then its rate', (test) => {
  const clock = heldClock();
  const bucket = new TokenBucket(clock, { perSecond: 2, burst: 3 });
  test.same([1, 2, 3, 4].map(() => bucket.tryTake()), [true, true, true, false], 'three at once');
  clock.turn(499);
  test.notOk(bucket.tryTake(), 'not before half a second');
  clock.turn(1);
  test.ok(bucket.tryTake(), 'one after half a second');
  clock.turn(60_000);
  test.equal(bucket.available(), 3, 'a rest fills it to the burst, not beyond');
  test.end();
});

void t.test('waiters come in turn, and those who would wait too long are told at once', async (test) => {
  const clock = heldClock();
  const bucket = new TokenBucket(clock, { perSecond: 10, burst: 1 });
  for (let index = 0; index < 4; index += 1) await bucket.take(300, 'signing');
  test.same(clock.slept, [100, 200, 300], 'each waits behind the one before');
  await test.rejects(bucket.take(300, 'signing'), { code: 'WO_RATE_LIMITED', message: /signing/ }, 'the fifth is refused');
  clock.turn(100);
  await bucket.take(300, 'signing');
  test.equal(clock.slept.at(-1), 300, 'who was refused holds no place');
});

void t.test('each address has its own bucket, and they do not pile up', (test) => {
  const clock = heldClock();
  const buckets = new KeyedTokenBuckets(clock, { perSecond: 1, burst: 2 }, 3);
  test.ok(buckets.isOpen('a'), 'unknown addresses are open');
  test.same([1, 2, 3].map(() => buckets.tryTake('a')), [true, true, false], 'two, then none');
  test.notOk(buckets.isOpen('a'), 'closed');
  test.ok(buckets.tryTake('b'), 'another address is not touched');
  for (let index = 0; index < 100; index += 1) buckets.tryTake(`x${index}`);
  test.equal((buckets as unknown as { buckets: Map<string, unknown> }).buckets.size, 3, 'at most three are remembered');
  test.end();
});
