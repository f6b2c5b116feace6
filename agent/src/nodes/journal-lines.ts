import { createHash } from 'node:crypto';

/** One entry as a line of ASCII, so that a byte of the file is a character of the text; a checksum stands before it. */
export function encodeLine(entry: unknown): string {
  const json = JSON.stringify(entry).replace(/[\u007f-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `${checksum(json)} ${json}\n`;
}

/** First of a file: who finds another version in it does not guess at the rest. */
export function headerLine(version: number): string {
  return encodeLine({ journal: version });
}

export interface JournalText<Entry> {
  readonly entries: Entry[];
  /** Why some of it cannot be used, or all of it; undefined when nothing is wrong. */
  readonly damage: string | undefined;
}

/** Reads what the lines of a file say. `read` throws for what is no entry. */
export function parseJournal<Entry>(text: string, version: number, read: (value: unknown) => Entry): JournalText<Entry> {
  const lines = text.split('\n');
  // What stands behind the last newline was cut short, even if it happens to be whole.
  const isCut = lines.pop() !== '';
  const values = lines.filter((line) => line !== '').map(decodeLine);
  const found = (values[0] as { journal?: unknown } | undefined)?.journal;
  if (found !== undefined && found !== version) return { entries: [], damage: `it is of version ${String(found).slice(0, 20)}, this agent writes version ${version}` };
  const entries = values.slice(found === undefined ? 0 : 1).flatMap((value) => readOrNothing(value, read));
  const lost = values.length - entries.length - (found === undefined ? 0 : 1);
  const reasons = [
    ...(text === '' ? ['it is empty'] : found === undefined ? ['its beginning is missing'] : []),
    ...(lost > 0 ? [`${lost} of its ${values.length} lines cannot be read`] : []),
    ...(isCut ? ['its last line was cut short'] : []),
  ];
  return { entries, damage: reasons.length === 0 ? undefined : reasons.join(', ') };
}

function decodeLine(line: string): unknown {
  const json = line.slice(line.indexOf(' ') + 1);
  if (line !== `${checksum(json)} ${json}`) return undefined;
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}

function readOrNothing<Entry>(value: unknown, read: (value: unknown) => Entry): Entry[] {
  try {
    return value === undefined ? [] : [read(value)];
  } catch {
    return [];
  }
}

function checksum(json: string): string {
  return createHash('sha256').update(json, 'latin1').digest('base64url').slice(0, 10);
}
