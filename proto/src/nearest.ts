import { distance } from 'fastest-levenshtein';

/** Longer words are nobody's typing error, and cost time. */
const longestWord = 200;

export interface NearestOptions {
  /** Part of the word that may be wrong, 0..1. @default 1/3 */
  readonly tolerance?: number;
  /** Counts as one edit, however far the letters are. */
  readonly isNear?: (word: string, candidate: string) => boolean;
}

/** The candidate that a mistyped word most probably meant, for "did you mean"; undefined when none is near. */
export function nearest(word: string, candidates: Iterable<string>, options: NearestOptions = {}): string | undefined {
  if (word.length > longestWord) return undefined;
  const { tolerance = 1 / 3, isNear = () => false } = options;
  // Two letters that changed places are two edits; of a short word one letter may be wrong.
  let bestDistance = (word.length <= 3 ? 1 : Math.max(2, Math.floor(word.length * tolerance))) + 1;
  let best: string | undefined;
  for (const candidate of candidates) {
    const edits = isNear(word, candidate) ? 1 : editDistance(word, candidate);
    if (edits < bestDistance) [best, bestDistance] = [candidate, edits];
  }
  return best;
}

/** The hint about a word that is not known: what was probably meant, or else what helps whoever erred more. */
export function nearestHint(word: string, candidates: Iterable<string>, otherwise: string): string {
  const meant = nearest(word, candidates);
  return meant === undefined ? otherwise : `did you mean ${meant}?`;
}

/** Letters to insert, remove or replace; upper and lower case are one. */
export function editDistance(left: string, right: string): number {
  return distance(left.toLowerCase(), right.toLowerCase());
}
