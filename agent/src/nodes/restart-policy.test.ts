import { durationFromMs } from '@wombat/proto';
import { RestartMode, type RestartPolicy } from '@wombat/proto/agent';
import t from 'tap';
import { exitCode, exitSignal, unknownExit } from '../processes/exit-status.js';
import { decideRestart } from './restart-policy.js';

const policy = (changes: Partial<RestartPolicy> = {}): RestartPolicy => ({ mode: RestartMode.ALWAYS, tries: undefined, interval: undefined, delay: undefined, ...changes });
const minuteMs = 60_000;

t.test('the delay doubles with each failure in the interval, up to 30 s, then it is given up', (t) => {
  const delays: number[] = [];
  let failures: readonly number[] = [];
  for (let now = 0; ; now += 1_000) {
    const decision = decideRestart(policy({ tries: 7 }), exitCode(1), failures, now);
    if (decision.kind !== 'restart') {
      t.equal(decision.kind, 'give-up');
      break;
    }
    delays.push(decision.delayMs);
    ({ failures } = decision);
  }
  t.strictSame(delays, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  t.end();
});

t.test('by default five in five minutes; older failures do not count', (t) => {
  const four = [1, 2, 3, 4].map((second) => second * 1_000);
  t.match(decideRestart(policy({ tries: 0 }), exitCode(1), [], 0), { kind: 'give-up' }, 'no tries are none');
  t.match(decideRestart(undefined, exitCode(1), four, 5_000), { kind: 'restart', delayMs: 16_000 });
  t.match(decideRestart(undefined, exitCode(1), [...four, 5_000], 6_000), { kind: 'give-up' });
  t.strictSame(decideRestart(undefined, exitCode(1), [...four, 5_000], 5 * minuteMs + 6_000), { kind: 'restart', delayMs: 1_000, failures: [5 * minuteMs + 6_000] });
  t.end();
});

t.test('the modes', (t) => {
  const decide = (mode: RestartMode, exit = exitCode(0)): string => decideRestart(policy({ mode, delay: durationFromMs(5), interval: durationFromMs(minuteMs) }), exit, [], 0).kind;
  t.equal(decide(RestartMode.ALWAYS), 'restart');
  t.equal(decide(RestartMode.UNSPECIFIED), 'restart');
  t.equal(decide(RestartMode.ON_FAILURE), 'done', 'an end in good order');
  t.equal(decide(RestartMode.ON_FAILURE, exitSignal(9)), 'restart');
  t.equal(decide(RestartMode.ON_FAILURE, unknownExit), 'restart', 'what is not known is no success');
  t.equal(decide(RestartMode.NEVER), 'done');
  t.equal(decide(RestartMode.NEVER, exitCode(2)), 'give-up');
  t.equal(decideRestart(policy({ mode: RestartMode.ON_FAILURE }), undefined, [], 0).kind, 'restart', 'a start that failed without an exit');
  t.end();
});
