import t from 'tap';
import { startTimer, systemClock, withinTime, type Clock } from './index.js';

/** Every sleep ends when the test says so. */
function heldClock(): Clock & { ring(): void; readonly sleeping: () => number } {
  const sleepers = new Set<() => void>();
  return {
    now: () => 0,
    monotonic: () => 0,
    sleep: (_, signal) => new Promise((resolve, reject) => {
      sleepers.add(resolve);
      signal?.addEventListener('abort', () => {
        sleepers.delete(resolve);
        reject(signal.reason as Error);
      });
    }),
    ring: () => sleepers.forEach((wake) => wake()),
    sleeping: () => sleepers.size,
  };
}

void t.test('a timer fires once, on its clock; one that was taken back does not', async (test) => {
  const clock = heldClock();
  const fired: string[] = [];
  startTimer(clock, 5, () => fired.push('kept'));
  const cancel = startTimer(clock, 5, () => fired.push('taken back'));
  cancel();
  test.equal(clock.sleeping(), 1, 'nothing is left of it');
  clock.ring();
  await systemClock.sleep(0);
  test.same(fired, ['kept']);
});

void t.test('work within a time', async (test) => {
  const clock = heldClock();
  const parent = new AbortController();
  test.equal(await withinTime(clock, 5, 'it', parent.signal, async () => 7), 7);
  test.equal(clock.sleeping(), 0, 'no timer stays behind');
  let seen: AbortSignal | undefined;
  const deaf = withinTime(clock, 5, 'listing', parent.signal, (signal) => {
    seen = signal;
    return new Promise(() => undefined);
  });
  clock.ring();
  await test.rejects(deaf, { code: 'WO_DEADLINE_EXCEEDED', message: 'listing took longer than 5 ms' });
  test.ok(seen?.aborted, 'who listens can stop');
  const reason = new Error('the caller goes');
  const other = withinTime(clock, 5, 'listing', parent.signal, () => new Promise(() => undefined));
  parent.abort(reason);
  await test.rejects(other, reason);
});
