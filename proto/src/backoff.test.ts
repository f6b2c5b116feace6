import t from 'tap';
import { backoffMs } from './backoff.js';

const options = { initialMs: 200, maximumMs: 15_000 };

t.test('a delay doubles up to its maximum, and half of it is chance', async (t) => {
  t.equal(backoffMs(0, options, () => 0), 100);
  t.equal(backoffMs(0, options, () => 1), 200);
  t.equal(backoffMs(3, options, () => 1), 1_600);
  t.equal(backoffMs(1_000, options, () => 1), 15_000);
});
