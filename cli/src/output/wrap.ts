/** Lines of whole words, at most `width` wide; a word that is wider has a line of its own. */
export function wrap(text: string, width: number, measure: (text: string) => number = (text) => text.length): string[] {
  if (measure(text) <= width) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line === '' || measure(longer) <= width) line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}
