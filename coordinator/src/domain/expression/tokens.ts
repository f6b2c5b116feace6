import { comparators, type Comparator } from './expression.js';
import { expressionError } from './expression-error.js';

export type Token =
  | { readonly kind: 'word' | 'quoted' | 'pattern'; readonly text: string; readonly at: number }
  | { readonly kind: 'sign'; readonly text: Comparator | '(' | ')' | ','; readonly at: number }
  | { readonly kind: 'end'; readonly text: ''; readonly at: number };

/** What may stand in a value without quotes. */
export const bareWord = /^[A-Za-z0-9_.@:+/%*?-]+/;
const spaces = /^[ \t\r\n]+/;
const signs = [...comparators, '(', ')', ','] as const;

/** `at` counts from 0. @throws WombatError WO_EXPRESSION_INVALID */
export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const token = tokenAt(text, at, tokens.at(-1));
    if (token) tokens.push(token.token);
    at = token ? token.end : at + spaces.exec(text.slice(at))![0].length;
  }
  return [...tokens, { kind: 'end', text: '', at: text.length }];
}

function tokenAt(text: string, at: number, before: Token | undefined): { readonly token: Token; readonly end: number } | undefined {
  const rest = text.slice(at);
  if (spaces.test(rest)) return undefined;
  const sign = signs.find((each) => rest.startsWith(each));
  if (sign !== undefined) return { token: { kind: 'sign', text: sign, at }, end: at + sign.length };
  if (rest[0] === '"') return enclosed(text, at, 'quoted');
  // Elsewhere a slash is a letter of a word, as in a/b.
  if (rest[0] === '/' && before?.text === 'matches') return enclosed(text, at, 'pattern');
  const word = bareWord.exec(rest)?.[0];
  if (word === undefined) throw expressionError(text, at, `${JSON.stringify(String.fromCodePoint(rest.codePointAt(0)!))} means nothing here`, 'a text with other characters than letters, digits and _.@:+/%*?- stands in double quotes');
  return { token: { kind: 'word', text: word, at }, end: at + word.length };
}

const enclosures = {
  quoted: { form: /^"((?:[^"\\]|\\["\\])*)"/, mark: '"', hint: 'close it with "; before a " or \\ that belongs to the text stands a \\' },
  pattern: { form: /^\/((?:[^/\\]|\\[^])*)\//, mark: '/', hint: 'close it with /; before a / that belongs to the pattern stands a \\' },
} as const;

function enclosed(text: string, at: number, kind: keyof typeof enclosures): { readonly token: Token; readonly end: number } {
  const { form, mark, hint } = enclosures[kind];
  const found = form.exec(text.slice(at));
  if (!found) throw expressionError(text, at, `the ${mark} that begins here has no end`, hint);
  // In a pattern every other backslash belongs to the pattern.
  const inside = found[1]!.replaceAll(/\\([^])/g, (pair, character: string) => (kind === 'quoted' || character === mark ? character : pair));
  return { token: { kind, text: inside, at }, end: at + found[0].length };
}
