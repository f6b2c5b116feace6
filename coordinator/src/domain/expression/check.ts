import { RE2JS } from 're2js';
import type { Comparator, Literal } from './expression.js';
import { expressionError } from './expression-error.js';
import { quantityOf, sizeUnits } from './quantity.js';
import type { KnownType, Vocabulary } from './vocabulary.js';

export interface Comparison {
  readonly key: string;
  readonly comparator: Comparator;
  readonly literal: Literal;
}

/** @throws WombatError WO_EXPRESSION_INVALID for what could never be so */
export function checkComparison(text: string, at: number, { key, comparator, literal }: Comparison, vocabulary: Vocabulary): void {
  const known = vocabulary.typeOf(key);
  if (!known || known.type === 'text' || known.type === 'list') return;
  if (comparator === '~' || comparator === '!~') throw expressionError(text, at, `${key} is no text`, `compare it: ${key} = ${example(known)}`);
  if (known.type === 'flag' && comparator !== '=' && comparator !== '!=') throw expressionError(text, at, `${key} is true or false`, `ask for ${key} = true`);
  if (!fits(known, literal)) throw expressionError(text, at, `${JSON.stringify(literal.text)} is no value of ${key}`, `it is ${describe(known)}, such as ${example(known)}`);
}

/** @throws WombatError WO_EXPRESSION_INVALID */
export function checkPattern(text: string, at: number, key: string, pattern: string, vocabulary: Vocabulary): void {
  const known = vocabulary.typeOf(key);
  if (known && known.type !== 'text' && known.type !== 'list') throw expressionError(text, at, `${key} is no text`, `compare it: ${key} = ${example(known)}`);
  try {
    RE2JS.compile(pattern);
  } catch (error) {
    throw expressionError(text, at, `the pattern cannot be used: ${(error as Error).message}`, 'patterns are those of RE2: no look-around, no back-references');
  }
}

function fits({ type, unit }: KnownType, literal: Literal): boolean {
  if (type === 'flag') return !literal.isQuoted && (literal.text === 'true' || literal.text === 'false');
  const quantity = quantityOf(literal);
  if (!quantity) return false;
  const allowed: readonly string[] = unit === 'bytes' ? ['', ...sizeUnits] : [''];
  return allowed.includes(quantity.unit);
}

function describe({ type, unit }: KnownType): string {
  if (type === 'flag') return 'true or false';
  return unit === undefined ? 'a number' : `a number of ${unit}`;
}

function example({ type, unit }: KnownType): string {
  if (type === 'flag') return 'true';
  return unit === 'bytes' ? '8GiB' : '4';
}
