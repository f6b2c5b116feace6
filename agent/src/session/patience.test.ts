import { WombatError, type ErrorCode } from '@wombat/proto';
import t from 'tap';
import { Patience, usualBackoff } from './patience.js';

const never = { openForMs: 0, retryAfterMs: 0 };
const failure = (code: ErrorCode = 'WO_UNAVAILABLE'): WombatError => new WombatError(code, 'no session');
/** Without chance: each delay is as long as it can be. */
const longest = (): Patience => new Patience(usualBackoff, () => 1);

/** Deterministic: the same numbers in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Milliseconds from the return of a coordinator that refuses connections until the first try that finds it. */
function returnsAfterMs(awayMs: number, random: () => number): number {
  const patience = new Patience(usualBackoff, random);
  let nowMs = 0;
  while (nowMs < awayMs) nowMs += patience.delayMs(failure(), never, 0);
  return nowMs - awayMs;
}

t.test('delays double up to 8 s, and begin anew after a good session', async (t) => {
  const patience = longest();
  t.strictSame(Array.from({ length: 8 }, () => patience.delayMs(failure(), never, 0)), [200, 400, 800, 1_600, 3_200, 6_400, 8_000, 8_000]);
  t.equal(patience.delayMs(failure(), { openForMs: 9_999, retryAfterMs: 0 }, 9_999), 8_000, 'a short session was none');
  t.equal(patience.delayMs(failure(), { openForMs: 10_000, retryAfterMs: 0 }, 10_000), 200);
});

t.test('another way to fail begins anew, but not each time that two take turns', async (t) => {
  const patience = longest();
  for (let times = 0; times < 10; times += 1) patience.delayMs(failure(), never, 0);
  t.equal(patience.delayMs(failure('WO_DEADLINE_EXCEEDED'), never, 0), 200);
  t.equal(patience.delayMs(failure('WO_DUPLICATE_IDENTITY'), never, 0), 5_000, 'with the delays of its kind');
  for (let times = 0; times < 10; times += 1) for (const code of ['WO_DEADLINE_EXCEEDED', 'WO_UNAVAILABLE'] as const) patience.delayMs(failure(code), never, 0);
  t.equal(patience.delayMs(failure('WO_DEADLINE_EXCEEDED'), never, 0), 8_000);
  t.equal(patience.delayMs(failure(), never, 0), 8_000);
});

t.test('who waited for an answer in vain waits no longer for it', async (t) => {
  const patience = longest();
  for (let times = 0; times < 10; times += 1) patience.delayMs(failure(), never, 0);
  t.equal(patience.delayMs(failure(), never, 3_000), 5_000);
  t.equal(patience.delayMs(failure(), never, 10_000), 200);
  t.equal(patience.delayMs(failure(), { openForMs: 0, retryAfterMs: 60_000 }, 10_000), 60_000, 'what the coordinator wishes is kept');
});

/** A coordinator takes 500 and more in a second; after a moment it is asked for more, but not for long. */
for (const [awayMs, mostPerSecond] of [[3_000, 700], [10_000, 250], [60_000, 250], [600_000, 250]] as const) {
  t.test(`1,000 agents whose coordinator was away for ${awayMs / 1_000} s come back soon, and not all at once`, async (t) => {
    const random = randomFrom(awayMs);
    const returns = Array.from({ length: 1_000 }, () => returnsAfterMs(awayMs, random));
    t.ok(Math.max(...returns) <= 8_000, `the last one comes after ${Math.max(...returns)} ms`);
    const perSecond = new Map<number, number>();
    for (const ms of returns) perSecond.set(Math.floor(ms / 1_000), (perSecond.get(Math.floor(ms / 1_000)) ?? 0) + 1);
    const most = Math.max(...perSecond.values());
    t.ok(most <= mostPerSecond, `at most ${most} come within one second`);
  });
}
