import { appendFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { TimeIndex } from './time-index.js';

t.test('what was written since', async (t) => {
  const file = join(t.testdir(), 'stdout.log.times');
  const index = new TimeIndex(file);
  t.equal(index.offsetAt(5_000), undefined, 'nothing is known');
  index.note(10_000, 0);
  index.note(10_500, 50);
  index.note(11_200, 120);
  index.note(11_300, 130);
  index.note(60_000, 130);
  index.note(90_000, 500);
  for (const [timeMs, offset] of [[9_999, undefined], [10_000, 0], [11_199, 0], [11_200, 120], [59_999, 120], [89_999, 130], [1e12, 500]] as const) t.equal(index.offsetAt(timeMs), offset, String(timeMs));
  const next = new TimeIndex(file);
  t.equal(next.lastEnd, 500, 'the next agent goes on with it');
  next.note(90_500, 700);
  t.equal(next.offsetAt(1e12), 500, 'an entry a second at most');
  appendFileSync(file, 'half an ent');
  t.equal(new TimeIndex(file).lastEnd, 500, 'an entry that was cut short counts as not there');
});

t.test('it stays small, and exact for what is new', async (t) => {
  const file = join(t.testdir(), 'times');
  const index = new TimeIndex(file);
  for (let second = 0; second < 14_000; second++) index.note(second * 1000, second * 10);
  t.ok(statSync(file).size <= 12_288 * 16, 'no more than its bound');
  t.equal(index.offsetAt(13_998_500), 139_980);
  t.ok((index.offsetAt(1_500_000) ?? 0) <= 15_000, 'what is old is less exact, never too late');
  t.ok((index.offsetAt(1_500_000) ?? 0) >= 14_900);
});

t.test('a link in its place is not written through', async (t) => {
  const directory = t.testdir({ secret: '' });
  symlinkSync(join(directory, 'secret'), join(directory, 'times'));
  t.throws(() => new TimeIndex(join(directory, 'times')).note(1, 1), { code: 'ELOOP' });
  t.equal(statSync(join(directory, 'secret')).size, 0);
});
