import { join } from 'node:path';
import { WombatError, isId } from '@wombat/proto';

/** Where the things of one node lie. */
export interface NodePaths {
  readonly base: string;
  readonly root: string;
  readonly home: string;
  /** Survives restart and update; goes with the node unless it is to be kept. */
  readonly data: string;
  readonly logs: string;
  /** Records of its processes. */
  readonly run: string;
  /** Where the logs go when the node is removed. */
  readonly removedLogs: string;
}

/** @throws WombatError WO_INVALID_ARGUMENT when the id is none: no path is built from foreign text */
export function nodePaths(directory: string, nodeId: string): NodePaths {
  if (!isId(nodeId, 'node')) throw new WombatError('WO_INVALID_ARGUMENT', 'an assignment names no valid node id');
  const base = join(directory, 'nodes', nodeId);
  return {
    base,
    root: join(base, 'root'),
    home: join(base, 'home'),
    data: join(base, 'data'),
    logs: join(base, 'logs'),
    run: join(base, 'run'),
    removedLogs: join(directory, 'removed-logs', nodeId),
  };
}

export function stdoutLog(paths: NodePaths): string {
  return join(paths.logs, 'stdout.log');
}

export function stderrLog(paths: NodePaths): string {
  return join(paths.logs, 'stderr.log');
}
