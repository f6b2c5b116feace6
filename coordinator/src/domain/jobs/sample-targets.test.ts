import t from 'tap';
import type { Share } from '../model/job.js';
import { sampleTargets } from './sample-targets.js';

const targets = Array.from({ length: 200 }, (_, index) => ({ targetId: `node-${index}` }));
const chosen = (share: Share, seed = 'a', of = targets): string[] => sampleTargets(of, { share, seed }).map(({ targetId }) => targetId);

const amounts: readonly [share: Share, of: number, amount: number][] = [
  [{ percent: 10 }, 200, 20], [{ percent: 0.1 }, 200, 1], [{ percent: 100 }, 200, 200], [{ percent: 10 }, 11, 2], [{ number: 3 }, 200, 3], [{ number: 300 }, 200, 200], [{ percent: 50 }, 0, 0],
];
void t.test('how many are chosen', (t) => {
  for (const [share, of, amount] of amounts) t.equal(chosen(share, 'a', targets.slice(0, of)).length, amount, `${JSON.stringify(share)} of ${of}`);
  t.end();
});

void t.test('a seed chooses the same again, another seed others, each in the order of the targets', (t) => {
  const share = { percent: 10 };
  t.strictSame(chosen(share), chosen(share));
  t.strictNotSame(chosen(share), chosen(share, 'b'));
  t.strictSame(chosen(share), targets.map(({ targetId }) => targetId).filter((id) => chosen(share).includes(id)));
  t.end();
});

void t.test('one target less changes the choice by one at most', (t) => {
  const share = { number: 20 };
  const before = chosen(share);
  for (const gone of [0, 77, 199]) {
    const after = chosen(share, 'a', targets.filter((_, index) => index !== gone));
    t.ok(before.filter((id) => !after.includes(id)).length <= 1, `without node-${gone}`);
  }
  t.end();
});

void t.test('every target has its chance', (t) => {
  const seen = new Set(Array.from({ length: 200 }, (_, seed) => chosen({ percent: 10 }, String(seed))).flat());
  t.equal(seen.size, targets.length, 'of 200 samples of a tenth');
  t.end();
});
