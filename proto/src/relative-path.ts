import { limits } from './limits.js';

/**
 * The parts of a path that a stranger has sent; undefined when it leads anywhere but below the directory that it is
 * seen from.
 */
export function relativeParts(path: string): readonly string[] | undefined {
  const parts = path.split('/');
  const isGood = (part: string): boolean => part !== '' && part !== '.' && part !== '..' && !part.includes('\0') && Buffer.byteLength(part) <= limits.pathNameBytes;
  return parts.length <= limits.pathDepth && Buffer.byteLength(path) <= limits.pathBytes && parts.every(isGood) ? parts : undefined;
}
