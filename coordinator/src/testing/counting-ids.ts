import type { Id, IdKind, Ids } from '@wombat/proto';

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

/** Ids in the order of their making, so that a test can foretell them. */
export class CountingIds implements Ids {
  #count = 0;

  next<K extends IdKind>(kind: K): Id<K> {
    this.#count += 1;
    return idNumber(kind, this.#count);
  }
}

/** The id that stands for a number. */
export function idNumber<K extends IdKind>(kind: K, number: number): Id<K> {
  let text = '';
  for (let rest = number; text.length < 12; rest = Math.floor(rest / 32)) text = alphabet[rest % 32]! + text;
  return `${kind}-${text}`;
}
