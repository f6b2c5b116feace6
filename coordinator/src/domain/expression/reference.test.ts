import { readFileSync } from 'node:fs';
import { WombatError } from '@wombat/proto';
import t from 'tap';
import { deepestExpression, longestExpression, type Expression } from './expression.js';
import { parseExpression } from './parse.js';
import { printExpression } from './print.js';
import { targetVocabulary } from './target-vocabulary.js';

const page = readFileSync(new URL('../../../../docs/reference/expressions.md', import.meta.url), 'utf8');
const parse = (text: string): Expression => parseExpression(text, targetVocabulary);

/** Of each table the rows below its head; cells without the marks of code. */
function rows(head: string): readonly (readonly string[])[] {
  return page.split(/\n(?=\| expression|\| refused)/).filter((part) => part.startsWith(`| ${head} |`)).flatMap((part) => {
    const lines = part.split('\n');
    const end = lines.findIndex((line) => !line.startsWith('|'));
    return lines.slice(2, end).map((line) => line.split(' | ').map((cell) => cell.replaceAll(/^\| | \|$/g, '').replace(/^`(.*)`$/, '$1')));
  });
}

void t.test('every example of docs/reference/expressions.md is an expression', (t) => {
  const examples = [...rows('expression').map(([text]) => text!), ...[...page.matchAll(/^wo (?:match|exec) '(.*?)'/gm)].map(([, text]) => text!)];
  t.ok(examples.length >= 20, `${examples.length} examples were found`);
  for (const text of examples) t.doesNotThrow(() => parse(text), text);
  t.end();
});

void t.test('what is said to be the same is', (t) => {
  const pairs = rows('expression').filter(([, second]) => second?.includes(' = ') === true || second?.startsWith('family not in') === true);
  t.equal(pairs.length, 3, 'pairs in the table');
  for (const [left, right] of pairs.slice(0, 2)) t.strictSame(parse(right!), parse(left!), left!);
  t.end();
});

void t.test('what is said to be refused is, with that message', (t) => {
  const refused = rows('refused');
  t.ok(refused.length >= 5, `${refused.length} were found`);
  for (const [text, message] of refused) {
    try {
      parse(text!);
      t.fail(`it was taken: ${text}`);
    } catch (error) {
      t.ok(WombatError.is(error) && error.code === 'WO_EXPRESSION_INVALID' && error.message.startsWith(message!), `${text}: ${String(error)}`);
    }
  }
  t.end();
});

void t.test('the limits are those of the page', (t) => {
  t.ok(page.includes(`at most ${longestExpression.toLocaleString('en')} characters`), 'the longest');
  t.ok(page.includes(`at most ${deepestExpression} parentheses`), 'the deepest');
  t.equal(printExpression(parse('(not zone = eu-1) and has zone')), 'not zone = eu-1 and has zone', 'it is printed without what is not needed');
  t.end();
});
