import { randomBytes } from 'node:crypto';

export const idKinds = ['prv', 'rel', 'fam', 'dom', 'host', 'node', 'op', 'evt', 'job', 'tok', 'opr', 'chn', 'con', 'stray'] as const;
export type IdKind = (typeof idKinds)[number];
export type Id<K extends IdKind = IdKind> = `${K}-${string}`;

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
const pattern = new RegExp(`^(${idKinds.join('|')})-[a-z2-7]{12}$`);

/** `<kind>-<12 characters of random base32>`: 60 bits, not sorted by time, so that prefixes stay short. */
export function newId<K extends IdKind>(kind: K): Id<K> {
  let text = '';
  for (const byte of randomBytes(12)) text += alphabet[byte & 31];
  return `${kind}-${text}`;
}

export function isId<K extends IdKind>(text: string, kind?: K): text is Id<K> {
  const match = pattern.exec(text);
  return match !== null && (kind === undefined || match[1] === kind);
}

/** Ids come through this port, so that tests can foretell them. */
export interface Ids {
  next<K extends IdKind>(kind: K): Id<K>;
}

export const randomIds: Ids = { next: newId };
