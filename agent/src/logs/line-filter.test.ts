import t from 'tap';
import { LineFilter } from './line-filter.js';

const text = 'one error\ntwo\nthree ERROR\nfour\nlast error';

t.test('wanted lines, wherever pieces are cut', async (t) => {
  for (let step = 1; step <= text.length; step++) {
    for (const [ignoreCase, expected] of [[false, 'one error\nlast error'], [true, 'one error\nthree ERROR\nlast error']] as const) {
      const filter = new LineFilter({ text: 'error', ignoreCase });
      let found = '';
      let next = 0;
      for (let at = 0; at < text.length; at += step) {
        const lines = filter.take({ offset: 100 + at, data: Buffer.from(text.slice(at, at + step)) });
        found += String(lines.data);
        next = lines.nextOffset;
      }
      t.equal(next, 100 + text.lastIndexOf('\n') + 1, 'whole lines have been looked at');
      found += String(filter.finish(100 + text.length).data);
      t.equal(found, expected, `pieces of ${step}`);
    }
  }
});

t.test('a line without end is cut, told, and does not fill the memory', async (t) => {
  const filter = new LineFilter({ text: 'needle', ignoreCase: false });
  let found = '';
  const piece = Buffer.from('x'.repeat(8192));
  for (let index = 0; index < 64; index++) {
    found += String(filter.take({ offset: index * 8192, data: index === 0 ? Buffer.concat([Buffer.from('needle'), piece.subarray(6)]) : piece }).data);
    t.ok(filter.restBytes <= 16 * 1024, 'the rest is bounded');
  }
  found += String(filter.take({ offset: 64 * 8192, data: Buffer.from('needle here too\nneedle\n') }).data);
  t.match(found, /^needlex+ \[line cut\]\nneedle\n$/);
});
