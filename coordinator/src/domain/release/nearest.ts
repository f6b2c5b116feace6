import { nearest } from '@wombat/proto';

/** "; the nearest is ..." or nothing, for paths and names of templates. */
export function nearestText(wanted: string, candidates: Iterable<string>): string {
  const found = nearest(wanted, candidates, { tolerance: 0.6, isNear: isSameName });
  return found === undefined ? '' : `; the nearest is ${found}`;
}

/** `etc/vm.args` for `releases/1.0/vm.args`: whoever errs about a path errs about its folder. */
function isSameName(wanted: string, candidate: string): boolean {
  return wanted !== candidate && lastSegment(wanted) === lastSegment(candidate);
}

function lastSegment(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
