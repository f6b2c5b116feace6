import t from 'tap';
import { backoffMs } from './backoff.js';

/** As agents do. */
const options = { initialMs: 200, maximumMs: 15_000 };

/** Deterministic: the same numbers in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Milliseconds from the return of what was away until the first try that finds it. */
function returnsAfterMs(awayMs: number, random: () => number): number {
  let nowMs = 0;
  for (let attempt = 0; nowMs < awayMs; attempt += 1) nowMs += backoffMs(attempt, options, random);
  return nowMs - awayMs;
}

t.test('a delay doubles up to its maximum, and half of it is chance', async (t) => {
  t.equal(backoffMs(0, options, () => 0), 100);
  t.equal(backoffMs(0, options, () => 1), 200);
  t.equal(backoffMs(3, options, () => 1), 1_600);
  t.equal(backoffMs(1_000, options, () => 1), 15_000);
});

for (const awayMs of [10_000, 60_000, 600_000]) {
  t.test(`1,000 agents whose coordinator was away for ${awayMs / 1_000} s come back soon, and not all at once`, async (t) => {
    const random = randomFrom(awayMs);
    const returns = Array.from({ length: 1_000 }, () => returnsAfterMs(awayMs, random));
    t.ok(Math.max(...returns) <= 15_000, `the last one comes after ${Math.max(...returns)} ms`);
    const perSecond = new Map<number, number>();
    for (const ms of returns) perSecond.set(Math.floor(ms / 1_000), (perSecond.get(Math.floor(ms / 1_000)) ?? 0) + 1);
    const most = Math.max(...perSecond.values());
    t.ok(most <= 250, `at most ${most} come within one second`);
  });
}
