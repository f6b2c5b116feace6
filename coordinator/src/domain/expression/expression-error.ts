import { WombatError } from '@wombat/proto';

/** `at` counts from 0; people count columns from 1. */
export function expressionError(text: string, at: number, what: string, hint: string): WombatError {
  const column = [...text.slice(0, at)].length + 1;
  return new WombatError('WO_EXPRESSION_INVALID', `column ${column}: ${what}`, { hint, details: { column: String(column) } });
}
