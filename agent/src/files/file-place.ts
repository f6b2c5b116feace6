import { closeSync, type Stats } from 'node:fs';
import { limits, WombatError } from '@wombat/proto';
import type { NodePaths } from '../nodes/node-paths.js';
import { openDirectory, type FollowsLink } from './held-directory.js';

/** Where a path of a target leads, as far as its text says it. */
export interface FilePlace {
  /** As it was asked for. */
  readonly path: string;
  readonly start: string;
  readonly parts: readonly string[];
  readonly follows: FollowsLink;
}

const dataPrefix = 'data:';

/** Of a node: below its root or, with "data:" in front, its data directory. Its processes may put links there, so none is followed. @throws WombatError WO_EXEC_REJECTED */
export function placeOfNode(path: string, paths: NodePaths): FilePlace {
  const isData = path.startsWith(dataPrefix);
  const below = isData ? path.slice(dataPrefix.length) : path;
  if (below.startsWith('/')) throw refused(path, 'is no path below the directory of the node', 'leave the first / away; for a path of the machine itself: --on hosts');
  return { path, start: isData ? paths.data : paths.root, parts: partsOf(path, below), follows: () => false };
}

/** Of the host itself, from the top. Links are followed that root has made, or the agent's own user. @throws WombatError WO_EXEC_REJECTED */
export function placeOfHost(path: string): FilePlace {
  if (!path.startsWith('/')) throw refused(path, 'does not begin at the top of the host', 'give a path like /etc/app.conf');
  return { path, start: '/', parts: partsOf(path, path.slice(1)), follows: isTrusted };
}

/** Runs with the directory that something lies in, open. @throws WombatError WO_EXEC_REJECTED */
export async function inDirectoryOf<T>(place: FilePlace, use: (descriptor: number, name: string) => Promise<T>): Promise<T> {
  const name = place.parts.at(-1);
  if (name === undefined) throw refused(place.path, 'names no file', 'give the name of a file');
  const descriptor = holdParent(place);
  try {
    return await use(descriptor, name);
  } finally {
    closeSync(descriptor);
  }
}

/** Opens the directory that the last part lies in, or where there is no part the one where paths begin. @throws WombatError WO_EXEC_REJECTED */
export function holdParent({ path, start, parts, follows }: FilePlace): number {
  try {
    return openDirectory(start, parts.slice(0, -1), follows);
  } catch (error) {
    throw explained(path, error);
  }
}

export function refused(path: string, why: string, hint: string): WombatError {
  return new WombatError('WO_EXEC_REJECTED', `${JSON.stringify(path)} ${why}`, { hint });
}

const reasons: Readonly<Record<string, readonly [why: string, hint: string]>> = {
  ENOENT: ['is not there, or the directory that it is in is not', 'look what is there: wo exec TARGET -- ls -la'],
  ENOTDIR: ['leads through something that is no directory, or through a link', 'name what the link leads to'],
  ELOOP: ['leads through a link', 'name what the link leads to'],
  EACCES: ['may not be read or written by the agent', 'see whose it is; --user says by whose rights it is done'],
  EPERM: ['may not be changed', 'see whose it is, and what its file system allows'],
  EROFS: ['lies on a file system that takes no writes', 'choose another place'],
  EINVAL: ['is no plain file', 'give the path of a file'],
  ENXIO: ['is no plain file', 'give the path of a file'],
};

/** What the system says of a path, in words; anything else as it is. */
export function explained(path: string, error: unknown): unknown {
  const reason = reasons[(error as NodeJS.ErrnoException | undefined)?.code ?? ''];
  return reason ? refused(path, ...reason) : error;
}

function partsOf(path: string, below: string): string[] {
  if (below.includes('\0') || Buffer.byteLength(below) > limits.pathBytes) throw refused(path.slice(0, 256), 'is no path', 'give the path of a file');
  const parts = below.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw refused(path, 'goes upwards with ..', 'give the path that is meant');
  if (parts.length > limits.pathDepth || parts.some((part) => Buffer.byteLength(part) > limits.pathNameBytes)) throw refused(path, 'is too long', 'give a shorter path');
  return parts;
}

/** Whoever else makes a link here may have done it to lead us elsewhere. */
function isTrusted({ uid }: Stats): boolean {
  return uid === 0 || uid === process.getuid?.();
}
