import t from 'tap';
import { isoTime } from './log.js';

t.test('the time of a log line is written as toISOString does', async (t) => {
  for (const ms of [0, 1, 999, 951_782_399_999, 1_709_164_800_000, 1_795_370_447_504]) {
    t.equal(isoTime(new Date(ms)), new Date(ms).toISOString(), `at ${ms} ms`);
  }
});
