import t from 'tap';
import { LiveClock } from './live-clock.js';
import { ManualClock } from './testing/manual-clock.js';

void t.test('it runs with the loop, and stands while the loop stands', async (t) => {
  const clock = new ManualClock();
  const live = new LiveClock(clock, 500);
  await clock.advance(500);
  live.tick();
  t.equal(live.nowMs, 500);
  await clock.advance(700);
  live.tick();
  t.equal(live.nowMs, 1_000, 'a late tick adds one period');
  t.equal(live.lagMs, 200);
  t.equal(live.hasStalled, false, 'a little late is no stall');
  await clock.advance(5_000);
  live.tick();
  t.equal(live.nowMs, 1_500, 'a stall of seconds adds one period');
  t.equal(live.hasStalled, true);
  await clock.advance(5_000);
  live.tick();
  t.equal(live.hasStalled, false, 'a loop that is always late does not put off judgement for ever');
  t.equal(live.nowMs, 2_000);
  await clock.advance(400);
  live.tick();
  t.equal(live.nowMs, 2_400, 'an early tick adds what has passed');
  t.equal(live.hasStalled, false);
});

void t.test('what goes before the first wait for a tick is no stall', async (t) => {
  const clock = new ManualClock();
  const live = new LiveClock(clock, 500);
  await clock.advance(3_000);
  live.begin();
  await clock.advance(500);
  live.tick();
  t.equal(live.hasStalled, false);
  t.equal(live.nowMs, 500);
});
