import { naturalOrder } from '@wombat/proto';
import { RE2JS } from 're2js';
import type { StoredAttribute } from '../model/object.js';
import type { Comparator, Expression, Literal } from './expression.js';
import { quantityOf } from './quantity.js';

/** What an attribute is; undefined while it is not known. */
export type Read = (key: string) => StoredAttribute | undefined;
type Scalar = Exclude<StoredAttribute, readonly string[]>;

/**
 * Prepares an expression to be asked of many. What is not known is equal to nothing, greater than nothing and matches
 * nothing; so `zone != a` holds where no zone is known, as `not zone = a` does. Of a list one entry is enough.
 */
export function evaluator(expression: Expression): (read: Read) => boolean {
  switch (expression.kind) {
    case 'all':
      return () => true;
    case 'and': {
      const parts = expression.of.map(evaluator);
      return (read) => parts.every((part) => part(read));
    }
    case 'or': {
      const parts = expression.of.map(evaluator);
      return (read) => parts.some((part) => part(read));
    }
    case 'not': {
      const part = evaluator(expression.of);
      return (read) => !part(read);
    }
    case 'has':
      return (read) => read(expression.key) !== undefined;
    case 'in':
      return some(expression.key, anyOf(expression.values.map((value) => comparison('=', value))));
    case 'matches': {
      const pattern = RE2JS.compile(expression.pattern);
      return some(expression.key, (value) => pattern.matcher(String(value)).find());
    }
    case 'compare':
      return compared(expression.key, expression.comparator, expression.value);
  }
}

function compared(key: string, comparator: Comparator, value: Literal): (read: Read) => boolean {
  if (comparator !== '!=' && comparator !== '!~') return some(key, comparison(comparator, value));
  const isSo = some(key, comparison(comparator === '!=' ? '=' : '~', value));
  return (read) => !isSo(read);
}

function some(key: string, test: (value: Scalar) => boolean): (read: Read) => boolean {
  return (read) => {
    const value = read(key);
    if (value === undefined) return false;
    return typeof value === 'object' ? value.some(test) : test(value);
  };
}

function anyOf(tests: readonly ((value: Scalar) => boolean)[]): (value: Scalar) => boolean {
  return (value) => tests.some((test) => test(value));
}

function comparison(comparator: Exclude<Comparator, '!=' | '!~'>, literal: Literal): (value: Scalar) => boolean {
  if (comparator === '~') {
    const pattern = RE2JS.compile(`^(?s:${[...literal.text].map((character) => (character === '*' ? '.*' : character === '?' ? '.' : RE2JS.quote(character))).join('')})$`);
    return (value) => pattern.matcher(String(value)).find();
  }
  const order = orderAgainst(literal);
  const holds = { '=': (sign: number) => sign === 0, '<': (sign: number) => sign < 0, '<=': (sign: number) => sign <= 0, '>': (sign: number) => sign > 0, '>=': (sign: number) => sign >= 0 }[comparator];
  return (value) => {
    if (comparator === '=' && typeof value === 'string') return value === literal.text;
    const sign = order(value);
    return sign !== undefined && holds(sign);
  };
}

/** Below 0: the value comes before the literal. Texts are ordered with their numbers as numbers: 1.9 before 1.10. */
function orderAgainst(literal: Literal): (value: Scalar) => number | undefined {
  const quantity = quantityOf(literal);
  return (value) => {
    if (typeof value === 'number') return quantity && value - quantity.amount;
    if (typeof value === 'boolean') return literal.isQuoted || String(value) !== literal.text ? undefined : 0;
    return naturalOrder(value, literal.text);
  };
}
