import stringWidth from 'string-width';

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
// Of colours; what is remote has none any more.
const colourOrText = /(\u001b\[[\d;]*m)|([^\u001b]+)/g;

/** At most so many columns of a terminal, with … where something is missing; colours are kept and ended. */
export function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = '';
  let room = width - 1;
  for (const [, colour, plain] of text.matchAll(colourOrText)) {
    kept += colour ?? '';
    for (const { segment } of plain === undefined ? [] : graphemes.segment(plain)) {
      room -= stringWidth(segment);
      if (room < 0) return `${kept.trimEnd()}…${text.includes('\u001b[') ? '\u001b[0m' : ''}`;
      kept += segment;
    }
  }
  return kept;
}
