import { closeSync, constants, lstatSync, openSync, readlinkSync, type Stats } from 'node:fs';

/** Opens a directory and nothing else; the last part of the path is not followed. */
export const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** As many as the kernel follows. */
const mostLinks = 40;

/** Whether a link on the way may be followed. */
export type FollowsLink = (link: Stats) => boolean;

/**
 * Opens a directory part by part, each by the descriptor of the one before: nothing can be exchanged in between, and
 * no link is followed that may not be. Whoever calls closes the descriptor.
 */
export function openDirectory(start: string, parts: readonly string[], follows: FollowsLink = () => false): number {
  const left = [...parts];
  let links = 0;
  let at = openSync(start, directoryFlags);
  const enter = (path: string): void => {
    const next = openSync(path, directoryFlags);
    closeSync(at);
    at = next;
  };
  try {
    for (let part = left.shift(); part !== undefined; part = left.shift()) {
      const link = lstatSync(through(at, part));
      if (!link.isSymbolicLink() || !follows(link)) {
        enter(through(at, part));
        continue;
      }
      if (++links > mostLinks) throw Object.assign(new Error(`${part} leads through too many links`), { code: 'ELOOP' });
      const target = readlinkSync(through(at, part));
      if (target.startsWith('/')) enter('/');
      left.unshift(...target.split('/').filter((name) => name !== '' && name !== '.'));
    }
    return at;
  } catch (error) {
    closeSync(at);
    throw error;
  }
}

/** A name in a directory that is open. */
export function through(descriptor: number, name: string): string {
  return `/proc/self/fd/${descriptor}/${name}`;
}
