import t from 'tap';
import { durationFromMs } from '@wombat/proto';
import { Expectation, JobLimits, type Share } from '@wombat/proto/control';
import { expectationOf, limitsOf, limitsView } from './job-limits.js';

type Given = Partial<JobLimits>;
const number = (value: number): Share => ({ kind: { $case: 'number', value } });
const percent = (value: number): Share => ({ kind: { $case: 'percent', value } });
const whole = (given: Given): JobLimits => ({ ...JobLimits.fromPartial({}), ...given });
const read = (given: Given): ReturnType<typeof limitsOf> => limitsOf(whole(given));

void t.test('limits are told as they were asked for', async (test) => {
  const given: Given = { window: percent(10), batch: number(3), batchWait: durationFromMs(1_500), maxFailures: number(2), per: [{ label: 'label.rack', number: 1 }], first: number(1) };
  const limits = read(given);
  test.same(limits, { window: { percent: 10 }, batch: { share: { number: 3 }, waitMs: 1_500 }, maxFailures: { number: 2 }, per: [{ label: 'label.rack', number: 1 }], first: { number: 1 } });
  test.same(limitsView(limits), whole(given));
  test.equal(read({}), undefined, 'none at all');
  test.equal(limitsOf(undefined), undefined);
});

const refused: readonly (readonly [given: Given, told: RegExp])[] = [
  [{ window: number(0) }, /a window is a number from 1/],
  [{ window: { kind: undefined } }, /a window is a number from 1/],
  [{ batch: percent(150) }, /a group is a number from 1/],
  [{ window: percent(Number.NaN) }, /a window/],
  [{ batch: number(1), batchWait: durationFromMs(25 * 3_600_000) }, /at most a day/],
  [{ batch: number(1), batchWait: durationFromMs(-1) }, /at most a day/],
  [{ window: number(1), batchWait: durationFromMs(1) }, /sent in groups/],
  [{ maxFailures: number(1) }, /all at once/],
  [{ window: number(1), maxFailures: percent(0) }, /number of failures/],
  [{ per: [{ label: 'zoen', number: 1 }] }, /no attribute zoen/],
  [{ per: [{ label: 'zone', number: 0 }] }, /at least 1/],
  [{ per: [{ label: 'zone', number: 1 }, { label: 'zone', number: 2 }] }, /two limits/],
];
void t.test('what makes no sense is refused', async (test) => {
  for (const [given, told] of refused) test.throws(() => read(given), { code: 'WO_INVALID_ARGUMENT', message: told }, JSON.stringify(given, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)));
  test.throws(() => read({ per: [{ label: 'zoen', number: 1 }] }), { hint: 'did you mean zone?' } as never, 'with what was meant');
  test.throws(() => expectationOf(7 as Expectation), { code: 'WO_INVALID_ARGUMENT' }, 'an expectation of a newer client');
  test.same([Expectation.UNSPECIFIED, Expectation.ALL, Expectation.PRESENT].map(expectationOf), [{}, {}, { expect: 'present' }]);
});
