import { WombatError } from '@wombat/proto';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { comparators, deepestExpression, type Expression, type Literal } from './expression.js';
import { parseExpression } from './parse.js';
import { printExpression } from './print.js';
import { targetVocabulary } from './target-vocabulary.js';

const parse = (text: string): Expression => parseExpression(text, targetVocabulary);
const word = (text: string): Literal => ({ text, isQuoted: false });

function refusal(text: string): { readonly message: string; readonly hint: string } {
  try {
    parse(text);
  } catch (error) {
    if (WombatError.is(error) && error.code === 'WO_EXPRESSION_INVALID') return error;
    throw error;
  }
  throw new Error(`it was taken: ${text}`);
}

void t.test('and binds closer than or, not closer than both', (t) => {
  t.strictSame(parse('family = riak and host.memory >= 8GiB and not zone ~ "eu-*"'), {
    kind: 'and',
    of: [
      { kind: 'compare', key: 'family', comparator: '=', value: word('riak') },
      { kind: 'compare', key: 'host.memory', comparator: '>=', value: word('8GiB') },
      { kind: 'not', of: { kind: 'compare', key: 'zone', comparator: '~', value: { text: 'eu-*', isQuoted: true } } },
    ],
  });
  t.strictSame(parse('has zone or all and not (has label.a)'), {
    kind: 'or', of: [{ kind: 'has', key: 'zone' }, { kind: 'and', of: [{ kind: 'all' }, { kind: 'not', of: { kind: 'has', key: 'label.a' } }] }],
  });
  t.end();
});

void t.test('lists, patterns, and not before either', (t) => {
  t.strictSame(parse('zone in (a, "b c",d)'), { kind: 'in', key: 'zone', values: [word('a'), { text: 'b c', isQuoted: true }, word('d')] });
  t.strictSame(parse('zone not in (a)'), { kind: 'not', of: { kind: 'in', key: 'zone', values: [word('a')] } });
  t.strictSame(parse('host.name matches /^a\\/b\\d$/'), { kind: 'matches', key: 'host.name', pattern: '^a/b\\d$' });
  t.strictSame(parse('family = and or release = not'), {
    kind: 'or', of: [{ kind: 'compare', key: 'family', comparator: '=', value: word('and') }, { kind: 'compare', key: 'release', comparator: '=', value: word('not') }],
  }, 'where a value stands, no word is special');
  t.end();
});

void t.test('what is wrong is told with its column, and what was expected', (t) => {
  const cases: readonly [string, RegExp, RegExp][] = [
    ['', /^column 1: expected a condition.*found the end/, /expressions\.md/],
    ['family', /^column 7: expected =, !=.*found the end/, /./],
    ['family = ', /^column 10: expected a value, found the end/, /./],
    ['family = a b', /^column 12: expected and, or, or the end, found "b"/, /./],
    ['(family = a', /^column 12: expected and, or, or \), found the end/, /./],
    ['familly = a', /^column 1: there is no attribute familly/, /did you mean family\?/],
    ['host.memroy > 1GiB', /^column 1: there is no attribute host\.memroy/, /did you mean host\.memory\?/],
    ['host.memory > much', /^column 15: "much" is no value of host\.memory/, /8GiB/],
    ['host.memory > 5s', /^column 15: /, /bytes/],
    ['node.outdated = yes', /^column 17: /, /true/],
    ['node.outdated < true', /^column 17: /, /= true/],
    ['host.cores ~ 4', /^column 14: host\.cores is no text/, /host\.cores = 4/],
    ['host.cores matches /4/', /^column 20: host\.cores is no text/, /./],
    ['zone = "a', /^column 8: the " that begins here has no end/, /close it/],
    ['zone matches /(/', /^column 14: the pattern cannot be used/, /RE2/],
    ['zone matches /(?=a)/', /^column 14: /, /RE2/],
    ['zone matches a', /^column 14: expected a pattern/, /./],
    ['zone in a', /^column 9: expected \(, found "a"/, /./],
    ['zone not like a', /^column 10: expected in or matches, found "like"/, /./],
    ['zone = é', /^column 8: "é" means nothing here/, /quotes/],
    ['zone = "😀" and é', /^column 16: /, /quotes/],
  ];
  for (const [text, message, hint] of cases) {
    const error = refusal(text);
    t.match(error.message, message, text);
    t.match(error.hint, hint, text);
  }
  t.match(refusal('not '.repeat(deepestExpression + 1) + 'all').message, /within each other/);
  t.match(refusal('('.repeat(2_000)).message, /within each other/, 'nothing is deep enough to exhaust the stack');
  t.match(refusal(`zone = ${'a'.repeat(5_000)}`).message, /longer than/);
  t.end();
});

const keys = fc.constantFrom('family', 'zone', 'host.name', 'label.rack', 'acme.what-so_ever');
const literals: fc.Arbitrary<Literal> = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_.@:+/%*?-]{1,12}$/).map((text) => ({ text, isQuoted: false })),
  fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => ({ text, isQuoted: true })),
);
const patterns = fc.array(fc.constantFrom('a', '/', '\\\\', '\\d', '.', 'é', '"', ' '), { maxLength: 8 }).map((parts) => parts.join(''));
const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constant<Expression>({ kind: 'all' }),
    keys.map((key): Expression => ({ kind: 'has', key })),
    fc.record({ kind: fc.constant('compare' as const), key: keys, comparator: fc.constantFrom(...comparators), value: literals }),
    fc.record({ kind: fc.constant('in' as const), key: keys, values: fc.array(literals, { minLength: 1, maxLength: 4 }) }),
    fc.record({ kind: fc.constant('matches' as const), key: keys, pattern: patterns }),
    tie('expression').map((of): Expression => ({ kind: 'not', of })),
    fc.record({ kind: fc.constantFrom('and' as const, 'or' as const), of: fc.array(tie('expression'), { minLength: 2, maxLength: 3 }) }),
  ),
}));

void t.test('what is printed is read as the same again', (t) => {
  fc.assert(fc.property(expression, (each) => {
    const text = printExpression(each);
    fc.pre(text.length <= 4_096);
    assert.equal(JSON.stringify(parse(text)), JSON.stringify(each), text);
  }), { numRuns: 500 });
  t.end();
});

void t.test('no text makes it crash', (t) => {
  const pieces = fc.array(fc.oneof(fc.constantFrom('and', 'or', 'not', '(', ')', 'in', 'has', 'matches', '/', '"', '\\', '=', '!~', ',', 'zone', 'host.memory', '8GiB', ' '), fc.string({ unit: 'binary', maxLength: 5 })), { maxLength: 30 }).map((parts) => parts.join(' '));
  fc.assert(fc.property(fc.oneof(pieces, fc.string({ unit: 'binary', maxLength: 200 })), (text) => {
    try {
      parse(text);
    } catch (error) {
      if (!WombatError.is(error) || error.code !== 'WO_EXPRESSION_INVALID') throw error;
    }
  }), { numRuns: 2_000 });
  t.end();
});
