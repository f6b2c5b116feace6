import { catalogue } from './catalogue.js';
import type { WombatError } from './wombat-error.js';

/** The four lines that every error is told in, plain: what, why, what to do, where to read more. */
export function errorText({ code, message, hint }: Pick<WombatError, 'code' | 'message' | 'hint'>): string {
  return `error ${code}: ${message}\n  why: ${catalogue[code].meaning}\n  try: ${hint}\n  see: wo explain ${code}\n`;
}
