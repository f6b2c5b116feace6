/** The last word of a line as it was typed, up to the cursor. */
export interface RawWord {
  /** Without quotes and backslashes. */
  readonly text: string;
  /** How much of `text` stands before the place where the shell puts in a completion. */
  readonly kept: number;
  /** The quote that is still open there. */
  readonly quote: '' | "'" | '"';
}

export interface ShellLine {
  /** Words that are complete, without quotes. */
  readonly words: readonly string[];
  readonly last: RawWord;
}

/**
 * Splits a line as bash does. `breaks` are the characters behind which readline begins a word of its own
 * ($COMP_WORDBREAKS): of `--phase=run` it replaces `run` alone.
 */
export function splitLine(line: string, breaks = ''): ShellLine {
  const words: string[] = [];
  let text = '';
  let kept = 0;
  let quote: RawWord['quote'] = '';
  let isWord = false;
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!;
    if (quote === '' && /\s/.test(character)) {
      if (isWord) words.push(text);
      [text, kept, isWord] = ['', 0, false];
      continue;
    }
    isWord = true;
    if (character === quote) {
      quote = '';
      if (breaks.includes(character)) kept = text.length;
    } else if (quote === '' && (character === '"' || character === "'")) {
      quote = character;
      kept = text.length;
    } else if (character === '\\' && quote !== "'" && at + 1 < line.length && (quote === '' || '"\\$`'.includes(line[at + 1]!))) {
      text += line[++at]!;
    } else if (!(character === '\\' && at + 1 === line.length)) {
      text += character;
      if (quote === '' && breaks.includes(character)) kept = text.length;
    }
  }
  return { words, last: { text, kept, quote } };
}

/** What has to be put in for `value`, as bash wants it where the word stands. */
export function replacementFor(value: string, { kept, quote }: RawWord): string {
  const rest = value.slice(kept);
  switch (quote) {
    case "'":
      return rest.replaceAll("'", "'\\''");
    case '"':
      // Nothing keeps bash from reading ! in double quotes as history: it has to stand outside.
      return rest.replace(/["\\$`]/g, '\\$&').replaceAll('!', '"\\!"');
    default:
      return rest.replace(/[\x21-\x7e]/g, (character) => (/[\w%+,./-]/.test(character) ? character : `\\${character}`)).replaceAll(' ', '\\ ');
  }
}
