import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { foldNames } from './fold-names.js';

void t.test('names that differ in their last number are folded', (t) => {
  t.equal(foldNames(['web-3', 'web-1', 'web-2', 'db-7', 'alone']), 'web-[1-3],db-7,alone');
  t.equal(foldNames(['n1', 'n2', 'n4', 'n10']), 'n[1-2,4,10]');
  t.equal(foldNames(['a-01', 'a-02', 'a-10', 'a-1']), 'a-[01-02],a-[1,10]', 'zeros before a number are part of the name');
  t.equal(foldNames(['a-1', 'a-1']), 'a-1', 'a name is there once');
  t.equal(foldNames(['a,b-1', 'a,b-2', 'x[1]']), 'a\\,b-[1-2],x\\[1\\]', 'what has a meaning in folded names');
  t.equal(foldNames(['1', '2']), '1,2');
  t.equal(foldNames([]), '');
  t.end();
});

void t.test('unfolded again, the names are those that were folded', (t) => {
  const names = fc.array(
    fc.oneof(
      fc.tuple(fc.constantFrom('riak-', 'web', 'a[', 'a,', '\\', '-', ' '), fc.nat(30), fc.constantFrom(0, 2, 3)).map(([prefix, number, width]) => `${prefix}${String(number).padStart(width, '0')}`),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 10 }),
    ),
    { maxLength: 60 },
  );
  fc.assert(fc.property(names, (each) => {
    const folded = foldNames(each);
    assert.deepEqual(unfoldNames(folded).sort(), [...new Set(each)].sort(), folded);
  }), { numRuns: 2_000 });
  t.end();
});

void t.test('ten thousand names take no time to speak of', (t) => {
  t.equal(foldNames(Array.from({ length: 10_000 }, (_, index) => `web-${index + 1}`)), 'web-[1-10000]');
  t.end();
});

/** The names that were folded. */
function unfoldNames(text: string): string[] {
  const parts = text.match(/(?:\\.|\[[^\]]*\]|[^,])+/gs) ?? (text === '' ? [] : ['']);
  return parts.flatMap((part) => {
    const [, prefix = part, ranges] = /^((?:\\.|[^[\\])*)\[([\d,-]+)\]$/s.exec(part) ?? [];
    const name = prefix.replaceAll(/\\(.)/gs, '$1');
    return ranges === undefined ? [name] : ranges.split(',').flatMap((range) => numbersOf(range)).map((number) => `${name}${number}`);
  });
}

function numbersOf(range: string): string[] {
  const [from = '', to = from] = range.split('-');
  const width = from.length > 1 && from.startsWith('0') ? from.length : 0;
  return Array.from({ length: Number(to) - Number(from) + 1 }, (_, index) => String(Number(from) + index).padStart(width, '0'));
}
