import { checkComparison, checkPattern } from './check.js';
import { deepestExpression, longestExpression, type Comparator, type Expression, type Literal } from './expression.js';
import { expressionError } from './expression-error.js';
import { tokensOf, type Token } from './tokens.js';
import type { Vocabulary } from './vocabulary.js';

/**
 * or := and {"or" and}, and := not {"and" not}, not := "not" not | "(" or ")" | "all" | "has" KEY | KEY test
 * test := ("=" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~") VALUE | ["not"] "in" "(" VALUE {"," VALUE} ")" | ["not"] "matches" /PATTERN/
 *
 * @throws WombatError WO_EXPRESSION_INVALID with the column, and what was expected there
 */
export function parseExpression(text: string, vocabulary: Vocabulary): Expression {
  if (text.length > longestExpression) throw expressionError(text, longestExpression, `it is longer than ${longestExpression} characters`, 'say it in fewer words, or ask in parts');
  return new Parser(text, vocabulary).whole();
}

class Parser {
  readonly #tokens: readonly Token[];
  #position = 0;
  #depth = 0;

  constructor(private readonly text: string, private readonly vocabulary: Vocabulary) {
    this.#tokens = tokensOf(text);
  }

  whole(): Expression {
    const expression = this.#or();
    if (this.#next.kind !== 'end') throw this.#expected('and, or, or the end');
    return expression;
  }

  get #next(): Token {
    return this.#tokens[this.#position]!;
  }

  #or(): Expression {
    return this.#chain('or', () => this.#chain('and', () => this.#not()));
  }

  #chain(word: 'and' | 'or', part: () => Expression): Expression {
    const parts = [part()];
    while (this.#takes(word)) parts.push(part());
    return parts.length === 1 ? parts[0]! : { kind: word, of: parts };
  }

  #not(): Expression {
    const { at } = this.#next;
    if (this.#depth > deepestExpression) throw expressionError(this.text, at, `more than ${deepestExpression} parentheses and "not" within each other`, 'say it with fewer of them');
    this.#depth += 1;
    try {
      if (this.#takes('not')) return { kind: 'not', of: this.#not() };
      if (this.#takes('(')) return this.#closed(this.#or());
      return this.#test();
    } finally {
      this.#depth -= 1;
    }
  }

  #closed(expression: Expression): Expression {
    this.#take(')', 'and, or, or )');
    return expression;
  }

  #test(): Expression {
    if (this.#takes('all')) return { kind: 'all' };
    if (this.#takes('has')) return { kind: 'has', key: this.#key('the name of an attribute') };
    const key = this.#key('a condition, such as family = NAME');
    const { kind, text } = this.#next;
    if (kind === 'sign' && text !== '(' && text !== ')' && text !== ',') return this.#comparison(key, text);
    const isNot = this.#takes('not');
    const test = this.#takes('in') ? this.#in(key) : this.#takes('matches') ? this.#matches(key) : undefined;
    if (!test) throw this.#expected(isNot ? 'in or matches' : '=, !=, <, <=, >, >=, ~, !~, in or matches');
    return isNot ? { kind: 'not', of: test } : test;
  }

  #comparison(key: string, comparator: Comparator): Expression {
    this.#position += 1;
    return { kind: 'compare', key, comparator, value: this.#value(key, comparator) };
  }

  #in(key: string): Expression {
    this.#take('(', '(');
    const values = [this.#value(key, '=')];
    while (this.#takes(',')) values.push(this.#value(key, '='));
    this.#take(')', ', or )');
    return { kind: 'in', key, values };
  }

  #matches(key: string): Expression {
    const token = this.#next;
    if (token.kind !== 'pattern') throw this.#expected('a pattern, such as /^eu-/');
    this.#position += 1;
    checkPattern(this.text, token.at, key, token.text, this.vocabulary);
    return { kind: 'matches', key, pattern: token.text };
  }

  #key(what: string): string {
    const token = this.#next;
    if (token.kind !== 'word') throw this.#expected(what);
    const trouble = this.vocabulary.unknown(token.text);
    if (trouble !== undefined) throw expressionError(this.text, token.at, `there is no attribute ${token.text}`, trouble);
    this.#position += 1;
    return token.text;
  }

  #value(key: string, comparator: Comparator): Literal {
    const token = this.#next;
    if (token.kind !== 'word' && token.kind !== 'quoted') throw this.#expected('a value');
    this.#position += 1;
    const literal = { text: token.text, isQuoted: token.kind === 'quoted' };
    checkComparison(this.text, token.at, { key, comparator, literal }, this.vocabulary);
    return literal;
  }

  #takes(text: string): boolean {
    const { kind, text: next } = this.#next;
    const isThere = (kind === 'word' || kind === 'sign') && next === text;
    if (isThere) this.#position += 1;
    return isThere;
  }

  #take(text: string, expected: string): void {
    if (!this.#takes(text)) throw this.#expected(expected);
  }

  #expected(what: string): Error {
    const { kind, text, at } = this.#next;
    return expressionError(this.text, at, `expected ${what}, found ${kind === 'end' ? 'the end' : JSON.stringify(text)}`, 'see docs/reference/expressions.md');
  }
}
