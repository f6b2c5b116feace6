import t from 'tap';
import { SteadyClock } from './steady-clock.js';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const startMs = Date.UTC(2026, 0, 1);

/** A machine whose clock can be set and which can be put to sleep. */
class Machine {
  wallMs = startMs;
  monotonicMs = 5_000;
  uptimeMs: number | undefined = 7_000;
  readonly clock: SteadyClock;

  constructor() {
    this.clock = new SteadyClock({ wall: () => this.wallMs, monotonic: () => this.monotonicMs, uptime: () => this.uptimeMs });
  }

  run(ms: number): void {
    this.monotonicMs += ms;
    this.sleep(ms);
  }

  sleep(ms: number): void {
    this.wallMs += ms;
    if (this.uptimeMs !== undefined) this.uptimeMs += ms;
  }
}

t.test('it is the clock of the machine while nobody sets that', (t) => {
  const machine = new Machine();
  for (const ms of [1, 999, 2_000, 3 * minuteMs]) {
    machine.run(ms);
    t.equal(machine.clock.now(), machine.wallMs, `after ${ms} ms more`);
  }
  machine.sleep(8 * 60 * minuteMs);
  machine.run(1_000);
  t.equal(machine.clock.now(), machine.wallMs, 'the time that the machine slept has passed');
  t.equal(machine.clock.stepMs, 0);
  t.end();
});

for (const jumpMs of [dayMs, -dayMs, 6 * minuteMs, -6 * minuteMs]) {
  t.test(`a clock that is set by ${jumpMs / minuteMs} minutes changes no duration`, (t) => {
    for (const uptimeMs of [7_000, undefined]) {
      const machine = new Machine();
      machine.uptimeMs = uptimeMs;
      machine.wallMs += jumpMs;
      for (let second = 1; second <= 120; second += 1) {
        machine.run(1_000);
        if (machine.clock.now() !== startMs + second * 1_000) t.fail(`second ${second} is ${machine.clock.now() - startMs}`);
      }
      t.equal(machine.clock.stepMs, jumpMs, 'the step is told');
      machine.wallMs -= jumpMs;
      machine.run(1_000);
      t.equal(machine.clock.now(), machine.wallMs, 'set back, the two agree again');
      t.equal(machine.clock.stepMs, 0);
    }
    t.end();
  });
}

t.test('small corrections are followed, and time never goes back', (t) => {
  const machine = new Machine();
  machine.wallMs += 2 * minuteMs;
  machine.run(1_000);
  t.equal(machine.clock.now(), machine.wallMs, 'forward at once');
  machine.wallMs -= 2 * minuteMs;
  let last = machine.clock.now();
  for (let second = 0; second < 300; second += 1) {
    machine.run(1_000);
    const now = machine.clock.now();
    if (now < last + 499) t.fail(`it stands still or goes back: ${now - last}`);
    last = now;
  }
  t.equal(machine.clock.now(), machine.wallMs, 'back by going more slowly for a while');
  t.equal(machine.clock.stepMs, 0);
  t.end();
});
