/** The candidate that a person most likely meant, if one is near enough to be worth naming. */
export function nearest(wanted: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(wanted.length * 0.6)) + 1;
  for (const candidate of candidates) {
    const distance = isSameName(wanted, candidate) ? 1 : editDistance(wanted, candidate, bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** "; the nearest is ..." or nothing. */
export function nearestText(wanted: string, candidates: Iterable<string>): string {
  const found = nearest(wanted, candidates);
  return found === undefined ? '' : `; the nearest is ${found}`;
}

/** `etc/vm.args` for `releases/1.0/vm.args`: whoever errs about a path errs about its folder. */
function isSameName(wanted: string, candidate: string): boolean {
  return wanted !== candidate && lastSegment(wanted) === lastSegment(candidate);
}

function lastSegment(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Levenshtein's, given up once it cannot be below `limit`. */
function editDistance(left: string, right: string, limit: number): number {
  if (Math.abs(left.length - right.length) >= limit) return limit;
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const change = previous[column - 1]! + (left[row - 1] === right[column - 1] ? 0 : 1);
      current.push(Math.min(change, previous[column]! + 1, current[column - 1]! + 1));
    }
    if (Math.min(...current) >= limit) return limit;
    previous = current;
  }
  return previous[right.length]!;
}
