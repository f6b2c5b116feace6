/**
 * Splits text into POSIX words: blanks, single and double quotes, backslash. Nothing is expanded, no
 * character starts a shell.
 *
 * @throws Error when a quote is not closed or the text ends in a backslash
 */
export function words(text: string): readonly string[] {
  const found: string[] = [];
  // One piece of a word: a quoted part, an escaped character, or plain characters.
  const piece = /'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])|([^\s'"\\]+)|(\s+)/gy;
  let word: string | undefined;
  let end = 0;
  for (const match of text.matchAll(piece)) {
    end = match.index + match[0].length;
    const [, single, double, escaped, plain, blank] = match;
    if (blank !== undefined) {
      if (word !== undefined) found.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + (single ?? (double === undefined ? undefined : unescapeDouble(double)) ?? (escaped === '\n' ? '' : escaped) ?? plain ?? '');
    }
  }
  if (end !== text.length) throw new Error(text[end] === '\\' ? 'ends in a backslash' : `has an open quote at character ${end + 1}`);
  if (word !== undefined) found.push(word);
  return found;
}

/** Inside double quotes a backslash escapes only these; before all else it stands for itself. */
function unescapeDouble(text: string): string {
  return text.replace(/\\([\\"$`\n])/g, (_, character: string) => (character === '\n' ? '' : character));
}
