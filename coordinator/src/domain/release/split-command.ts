import { WombatError } from '@wombat/proto';

const expanding = /[|&;()<>*?[\]$`~#\n]/;

/**
 * Words as a POSIX shell would split them: blanks separate, quotes and backslashes keep together. Nothing is expanded,
 * and what a shell would expand or obey is refused unless it is quoted: there is no shell that could do it.
 * @throws WombatError WO_MANIFEST_INVALID
 */
export function splitCommand(text: string, what = 'the command'): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]!;
    if (character === ' ' || character === '\t') {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    const piece = pieceAt(text, at, what);
    word = (word ?? '') + piece.value;
    at = piece.end;
  }
  if (word !== undefined) words.push(word);
  return words;
}

interface Piece {
  readonly value: string;
  /** Index of its last character. */
  readonly end: number;
}

function pieceAt(text: string, at: number, what: string): Piece {
  const character = text[at]!;
  if (character === "'") return singleQuoted(text, at, what);
  if (character === '"') return doubleQuoted(text, at, what);
  if (character === '\\') {
    if (at + 1 === text.length) throw invalid(what, text, 'it ends with a backslash');
    return { value: text[at + 1]!, end: at + 1 };
  }
  // "{{#shellWord}}" is a template's, no comment of a shell's.
  const isTemplate = character === '#' && text.slice(0, at).endsWith('{{');
  if (character === '\0') throw invalid(what, text, 'it holds a NUL');
  if (expanding.test(character) && !isTemplate) {
    throw invalid(what, text, `${character === '\n' ? 'a line feed' : character} is for a shell, and none is used; quote it, or put the line into a script of the release`);
  }
  return { value: character, end: at };
}

function singleQuoted(text: string, at: number, what: string): Piece {
  const end = text.indexOf("'", at + 1);
  if (end === -1) throw invalid(what, text, "a quote (') is not closed");
  return { value: text.slice(at + 1, end), end };
}

function doubleQuoted(text: string, at: number, what: string): Piece {
  let value = '';
  for (let index = at + 1; index < text.length; index += 1) {
    const character = text[index]!;
    if (character === '"') return { value, end: index };
    if (character === '$' || character === '`') throw invalid(what, text, `${character} is for a shell, and none is used; put it into single quotes`);
    const isEscape = character === '\\' && '"\\$`'.includes(text[index + 1] ?? ' ');
    value += isEscape ? text[++index]! : character;
  }
  throw invalid(what, text, 'a quote (") is not closed');
}

function invalid(what: string, text: string, reason: string): WombatError {
  return new WombatError('WO_MANIFEST_INVALID', `${what} cannot be split into words: ${JSON.stringify(text.slice(0, 200))}: ${reason}`);
}
