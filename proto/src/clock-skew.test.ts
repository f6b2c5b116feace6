import t from 'tap';
import { clockSkewError, isSkewed } from './clock-skew.js';

t.test('five minutes are allowed, either way', (t) => {
  for (const skewMs of [0, 300_000, -300_000, NaN]) t.notOk(isSkewed(skewMs), String(skewMs));
  for (const skewMs of [300_001, -300_001]) t.ok(isSkewed(skewMs), String(skewMs));
  t.end();
});

t.test('the offset in words', (t) => {
  const said = (ms: number): string => clockSkewError('it', ms).message;
  t.equal(said(3_600_000), "it is 1 h 0 min ahead of the coordinator's");
  t.equal(said(-312_400), "it is 5 min 12 s behind the coordinator's");
  t.equal(said(2.5 * 86_400_000), "it is 2 d 12 h ahead of the coordinator's");
  t.equal(said(-400), "it is 0 s behind the coordinator's");
  t.end();
});
