import { limits } from '@wombat/proto';
import { UsageError } from '../usage-error.js';

/** What lines are looked for: a text is looked for on the hosts, a pattern here. */
export type Grep = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'pattern'; readonly pattern: RegExp };

/** `/pattern/` or `/pattern/i`; anything else is a text. */
export function parseGrep(given: string, name: string, ignoreCase: boolean): Grep {
  const pattern = /^\/(.+)\/(i?)$/.exec(given);
  if (pattern) return { kind: 'pattern', pattern: compiled(pattern[1]!, ignoreCase || pattern[2] === 'i', name) };
  if (given === '' || given.length > limits.logFilterCharacters || given.includes('\n')) {
    throw new UsageError(`${name} wants 1 to ${limits.logFilterCharacters} characters of one line`);
  }
  return { kind: 'text', text: given };
}

function compiled(source: string, ignoreCase: boolean, name: string): RegExp {
  try {
    return new RegExp(source, ignoreCase ? 'iu' : 'u');
  } catch (error) {
    throw new UsageError(`${name}: ${(error as Error).message}`, 'a text without slashes is looked for as it stands');
  }
}
