import t from 'tap';
import { systemClock } from '@wombat/proto';
import { openTestStore } from '../testing/test-store.js';
import { ClockWatch } from './clock-watch.js';

const hourMs = 60 * 60_000;

void t.test('a step of the clock is told once, and its end', async (test) => {
  const store = await openTestStore(test, systemClock);
  const clock = { stepMs: 0, sleep: systemClock.sleep };
  const watch = new ClockWatch({ store, clock, onError: (error) => test.error(error, 'looking works') });
  for (const stepMs of [0, 24 * hourMs, 24 * hourMs + 5, 0, 0]) {
    clock.stepMs = stepMs;
    await watch.look();
  }
  const events = await store.read.events.list({ afterSequence: 0, limit: 10 });
  test.match(events.map(({ type, message }) => `${type}: ${message}`), [/^coordinator.clock-step: .*was set: it is 1 d 0 h ahead of the coordinator's own time, .*restart/, /agrees/], 'each change once');
  test.equal(events.length, 2);
});
