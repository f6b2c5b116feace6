import fc from 'fast-check';
import t from 'tap';
import type { JobLimits, JobTarget, OutcomeWord } from '../model/job.js';
import { boundsOf } from './bounds.js';
import { JobProgress } from './job-progress.js';
import { nextRelease, type Steering } from './next-release.js';

/** A job whose agents are this test: what is released is in flight until `end`. */
class Model {
  readonly released: string[] = [];
  readonly inFlight = new Map<string, string>();
  readonly steering: { nextGroup?: { released: number; at: number }; resumedAt?: number } = {};
  readonly targets: Pick<JobTarget, 'id' | 'name' | 'hostId' | 'lanes' | 'held'>[];
  progress: JobProgress;
  now = 1_000;
  #counts: Record<string, number> = {};

  constructor(readonly limits: JobLimits, readonly zones: readonly string[]) {
    this.targets = zones.map((zone, index) => ({ id: `t${index + 1}`, name: `web-${index + 1}`, hostId: `host-${index + 1}`, lanes: { zone }, held: true }));
    this.progress = new JobProgress(this.targets as JobTarget[], {});
  }

  get next(): ReturnType<typeof nextRelease> {
    return nextRelease(boundsOf(this.limits, this.zones.length), this.progress, this.steering as Steering, this.now);
  }

  /** Does what is next, as long as that is to send. Answers what it then waits for. */
  go(): string {
    for (;;) {
      const next = this.next;
      if (next.kind === 'group') this.steering.nextGroup = { released: this.progress.released, at: next.at };
      if (next.kind !== 'release') return next.kind;
      for (const { id, hostId, lanes } of next.targets) {
        this.released.push(id);
        this.inFlight.set(id, lanes['zone']!);
        this.progress.see({ id, hostId, releasedAt: this.now });
      }
    }
  }

  end(id: string, outcome: OutcomeWord): void {
    this.inFlight.delete(id);
    this.#counts[outcome] = (this.#counts[outcome] ?? 0) + 1;
    this.progress.see({ id, hostId: '', outcome, releasedAt: this.now });
  }

  endAll(outcome: OutcomeWord = 'ok'): void {
    for (const id of [...this.inFlight.keys()]) this.end(id, outcome);
  }

  /** What another process reads from the store. */
  restart(): void {
    const open = this.targets.filter(({ id }) => !this.released.includes(id) || this.inFlight.has(id));
    const rows = open.map(({ held: _, ...target }) => ({ ...target, ...(this.released.includes(target.id) ? { releasedAt: this.now } : { held: true }) }));
    this.progress = new JobProgress(rows as JobTarget[], { '': open.length, ...this.#counts });
  }
}

const zones = (count: number, of = 1): string[] => Array.from({ length: count }, (_, index) => `z${index % of}`);

void t.test('a window is refilled as outcomes come, in the order of names', async (test) => {
  const model = new Model({ window: { number: 2 } }, zones(11));
  test.equal(model.go(), 'outcomes');
  test.same(model.released, ['t1', 't2'], 'no more than the window');
  model.end('t2', 'failed');
  model.go();
  test.same(model.released, ['t1', 't2', 't3'], 'one for one');
  while (model.inFlight.size > 0) {
    model.endAll();
    model.go();
  }
  test.equal(model.released.at(-1), 't11', 'web-11 comes after web-2');
  test.equal(model.go(), 'nothing');
});

void t.test('a percentage is of all targets, and at least one', async (test) => {
  const bounds = boundsOf({ window: { percent: 30 }, maxFailures: { percent: 1 }, batch: { share: { number: 50 }, waitMs: 5 } }, 10);
  test.match(bounds, { window: 3, maxFailures: 1, batch: 10, batchWaitMs: 5, first: 0 });
});

void t.test('the next group begins when the one before has ended, and its time has passed', async (test) => {
  const model = new Model({ batch: { share: { number: 2 }, waitMs: 500 } }, zones(5));
  test.equal(model.go(), 'outcomes');
  model.end('t1', 'ok');
  test.equal(model.go(), 'outcomes', 'half a group is no group');
  model.end('t2', 'ok');
  test.equal(model.go(), 'group');
  test.same(model.steering.nextGroup, { released: 2, at: 1_500 });
  model.now = 1_400;
  model.restart();
  test.match(model.next, { kind: 'group', at: 1_500 }, 'the time is that of its beginning, also for another process');
  model.now = 1_500;
  model.go();
  test.same(model.released, ['t1', 't2', 't3', 't4']);
});

void t.test('so many failures stop it; who was skipped has not failed', async (test) => {
  const model = new Model({ window: { number: 2 }, maxFailures: { number: 2 } }, zones(9));
  model.go();
  model.end('t1', 'skipped');
  model.end('t2', 'unreachable_before_send');
  test.equal(model.go(), 'outcomes');
  model.end('t3', 'lost_during_run');
  test.equal(model.go(), 'stop');
  model.end('t4', 'ok');
  test.equal(model.go(), 'stop', 'for good');
});

void t.test('after the first ones it waits to be resumed', async (test) => {
  const model = new Model({ first: { number: 3 }, window: { number: 2 } }, zones(6));
  model.go();
  model.endAll();
  test.equal(model.go(), 'outcomes');
  test.same(model.released, ['t1', 't2', 't3']);
  model.endAll('failed');
  test.equal(model.go(), 'resume');
  model.restart();
  test.equal(model.go(), 'resume', 'also for another process');
  model.steering.resumedAt = model.now;
  model.go();
  test.same(model.released.slice(3), ['t4', 't5'], 'then on as before');
});

void t.test('for each value of a label there is a limit of its own; who has none counts as one of them', async (test) => {
  const model = new Model({ per: [{ label: 'zone', number: 1 }] }, ['a', 'a', 'b', '', '', 'b', 'a']);
  test.equal(model.go(), 'outcomes');
  test.same(model.released, ['t1', 't3', 't4']);
  model.end('t3', 'ok');
  model.go();
  test.same(model.released.slice(3), ['t6'], 'the next of its zone, past those that wait');
});

const share = fc.oneof(fc.record({ number: fc.integer({ min: 1, max: 12 }) }), fc.record({ percent: fc.integer({ min: 1, max: 100 }) }));
const anyLimits: fc.Arbitrary<JobLimits> = fc.record({
  window: share, batch: fc.record({ share, waitMs: fc.constantFrom(0, 100) }), maxFailures: share, first: share,
  per: fc.integer({ min: 1, max: 3 }).map((number) => [{ label: 'zone', number }]),
}, { requiredKeys: [] });
const anyStep = fc.record({ which: fc.nat(40), ok: fc.boolean(), restarts: fc.integer({ min: 0, max: 9 }).map((dice) => dice === 0) });

void t.test('whatever the limits and the outcomes: the limits hold, every target is released or left out, and nothing goes after the stop', async (test) => {
  fc.assert(fc.property(anyLimits, fc.integer({ min: 1, max: 25 }), fc.integer({ min: 1, max: 4 }), fc.infiniteStream(anyStep), (limits, count, zoneCount, steps) => {
    const model = new Model(limits, zones(count, zoneCount));
    const bounds = boundsOf(limits, count);
    let failures = 0;
    for (const step of steps) {
      const before = model.released.length;
      const waitsFor = model.go();
      if (failures >= bounds.maxFailures && model.released.length > before) throw new Error('released after the stop');
      if (model.inFlight.size > Math.min(bounds.window, bounds.batch)) throw new Error(`${model.inFlight.size} in flight`);
      for (const zone of new Set(model.zones)) {
        const inZone = [...model.inFlight.values()].filter((each) => each === zone).length;
        if (inZone > (bounds.per[0]?.number ?? Infinity)) throw new Error(`${inZone} in flight in ${zone}`);
      }
      if (bounds.first > 0 && model.steering.resumedAt === undefined && model.released.length > bounds.first) throw new Error('went past the pause');
      if (step.restarts) model.restart();
      const flying = [...model.inFlight.keys()];
      if (waitsFor === 'stop' || (waitsFor === 'nothing' && flying.length === 0)) break;
      if (waitsFor === 'hosts') throw new Error('it waits for nobody');
      if (waitsFor === 'resume') model.steering.resumedAt = model.now;
      else if (waitsFor === 'group') model.now = model.steering.nextGroup!.at;
      else {
        model.end(flying[step.which % flying.length]!, step.ok ? 'ok' : 'failed');
        if (!step.ok) failures += 1;
      }
    }
    if (new Set(model.released).size !== model.released.length) throw new Error('released twice');
    if (model.released.length + model.progress.held.size !== count) throw new Error('a target was forgotten');
  }), { numRuns: 300 });
  test.pass('in 300 jobs');
});
