import { stripVTControlCharacters } from 'node:util';

/** What a plugin says, fit for a log or a terminal: one line, no control characters, at most `length` of them. */
export function oneLine(text: string, length: number): string {
  const clean = stripVTControlCharacters(text.slice(0, length * 4)).replace(/[\s\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+/g, ' ').trim();
  return clean.length > length ? `${clean.slice(0, length - 1)}…` : clean;
}
