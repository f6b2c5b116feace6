import type { Expression, Literal } from './expression.js';
import { bareWord } from './tokens.js';

/** Its text; parsing that gives the same expression again. */
export function printExpression(expression: Expression): string {
  switch (expression.kind) {
    case 'all':
      return 'all';
    case 'and':
      return expression.of.map((part) => within(part, ['and', 'or'])).join(' and ');
    case 'or':
      return expression.of.map((part) => within(part, ['or'])).join(' or ');
    case 'not':
      return `not ${within(expression.of, ['and', 'or'])}`;
    case 'has':
      return `has ${expression.key}`;
    case 'compare':
      return `${expression.key} ${expression.comparator} ${printLiteral(expression.value)}`;
    case 'in':
      return `${expression.key} in (${expression.values.map(printLiteral).join(', ')})`;
    case 'matches':
      return `${expression.key} matches /${expression.pattern.replaceAll(/\\[^]|\//g, (found) => (found === '/' ? '\\/' : found))}/`;
  }
}

function within(part: Expression, inParentheses: readonly Expression['kind'][]): string {
  const text = printExpression(part);
  return inParentheses.includes(part.kind) ? `(${text})` : text;
}

function printLiteral({ text, isQuoted }: Literal): string {
  const isBare = !isQuoted && bareWord.exec(text)?.[0] === text;
  return isBare ? text : `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}
