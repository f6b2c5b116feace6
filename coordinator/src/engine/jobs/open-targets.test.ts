import t from 'tap';
import type { JobTarget } from '../../domain/model/job.js';
import { OpenTargets } from './open-targets.js';

const targetsOf = (jobId: string, count: number): JobTarget[] => Array.from({ length: count }, (_, index) => ({ id: `${jobId}/${index}`, jobId }) as JobTarget);

t.test('a target is answered once: whoever asks again must read what has become of it', (t) => {
  const open = new OpenTargets();
  open.add('job-a', targetsOf('job-a', 2));
  t.match(open.take('job-a/1'), { id: 'job-a/1' });
  t.equal(open.take('job-a/1'), undefined);
  t.equal(open.take('job-b/1'), undefined, 'of another job');
  t.equal(open.size, 1);
  open.forget('job-a');
  open.forget('job-a');
  t.same([open.take('job-a/0'), open.size], [undefined, 0], 'nothing is left of one that was forgotten');
  t.end();
});

t.test('there is a bound for all jobs together', (t) => {
  const open = new OpenTargets();
  open.add('job-a', targetsOf('job-a', 15_000));
  open.add('job-b', targetsOf('job-b', 15_000));
  t.same([open.size, open.take('job-b/0')], [15_000, undefined], 'one that does not fit is read from the store');
  open.forget('job-a');
  open.add('job-b', targetsOf('job-b', 15_000));
  t.equal(open.size, 15_000, 'there is room again');
  t.end();
});
