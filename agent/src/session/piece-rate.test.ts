import t from 'tap';
import { PieceRate } from './piece-rate.js';

t.test('no more than 200 pieces a second, and again later', (t) => {
  let nowMs = 5;
  const rate = new PieceRate({ monotonic: () => nowMs });
  const allowed = (): number => Array.from({ length: 100 }, () => rate.allows()).filter(Boolean).length;
  t.equal(allowed(), 20);
  nowMs += 99;
  t.equal(allowed(), 0, 'the time is not over');
  nowMs += 1;
  t.equal(allowed(), 20);
  t.end();
});
