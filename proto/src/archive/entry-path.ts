import { WombatError } from '../errors/wombat-error.js';
import { limits } from '../limits.js';

// C0 and C1 control characters, DEL, and the replacement character that stands for bytes that are no UTF-8.
const unprintable = /[\u0000-\u001f\u007f-\u009f\ufffd]/u;

/** WO_ARCHIVE_REFUSED that names the entry, cut to a printable length. */
export function refusedEntry(path: string, reason: string): WombatError {
  const shown = JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}...` : path);
  return new WombatError('WO_ARCHIVE_REFUSED', `the tarball holds ${shown}: ${reason}`, { details: { entry: path.slice(0, 200), reason } });
}

/**
 * Segments of a path inside an archive; `.` and empty ones fall out, so that `./` is the root itself: no segments.
 * @throws WombatError WO_ARCHIVE_REFUSED when it is absolute, climbs, or is no plain name on every system
 */
export function entrySegments(path: string): string[] {
  const segments = plainSegments(path, path);
  if (segments.includes('..')) throw refusedEntry(path, 'its name leads out of the release ("..")');
  checkSizes(path, segments);
  return segments;
}

export interface LinkTarget {
  /** How many folders it climbs, from the folder that holds the link. */
  readonly climbs: number;
  /** Where it goes on from there. */
  readonly segments: readonly string[];
}

/**
 * Reads the target of a symbolic link. Only its beginning may climb: `..` after a name would climb from wherever
 * that name, which may be a link itself, leads to.
 */
export function linkTarget(path: string, target: string): LinkTarget {
  if (target === '') throw refusedEntry(path, 'it is a link without a target');
  const segments = plainSegments(path, target);
  const climbs = segments.findIndex((segment) => segment !== '..');
  const rest = climbs === -1 ? [] : segments.slice(climbs);
  if (rest.includes('..')) throw refusedEntry(path, 'its target climbs ("..") after a name');
  checkSizes(path, rest);
  return { climbs: climbs === -1 ? segments.length : climbs, segments: rest };
}

function plainSegments(entry: string, path: string): string[] {
  if (path.includes('\0')) throw refusedEntry(entry, 'its name or target holds a NUL byte');
  if (unprintable.test(path)) throw refusedEntry(entry, 'its name or target holds control characters or is no UTF-8');
  if (path.includes('\\')) throw refusedEntry(entry, 'its name or target holds a backslash');
  if (path.startsWith('/')) throw refusedEntry(entry, 'its name or target is absolute');
  if (/^[A-Za-z]:/.test(path)) throw refusedEntry(entry, 'its name or target begins with a drive letter');
  return path.split('/').filter((segment) => segment !== '' && segment !== '.');
}

function checkSizes(entry: string, segments: readonly string[]): void {
  if (segments.length > limits.pathDepth) throw refusedEntry(entry, `it lies deeper than ${limits.pathDepth} folders`);
  let pathBytes = Math.max(0, segments.length - 1);
  for (const segment of segments) {
    const nameBytes = Buffer.byteLength(segment);
    if (nameBytes > limits.pathNameBytes) throw refusedEntry(entry, `a name in it is longer than ${limits.pathNameBytes} bytes`);
    pathBytes += nameBytes;
  }
  if (pathBytes > limits.pathBytes) throw refusedEntry(entry, `its path is longer than ${limits.pathBytes} bytes`);
}
