import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isId } from '@wombat/proto';
import { DesiredState } from '@wombat/proto/agent';
import type { JournaledNode } from './node-journal.js';
import { nodePaths } from './node-paths.js';
import { newNodeRecord } from './node-record.js';
import { keptStarts, readStartedSpec } from './started-spec.js';

/**
 * Nodes that lie in the directory though the journal does not tell of them, since it was lost or damaged. What is wanted
 * of them is not known; what they were started with is. Of a node that was removed nothing but its data may be there.
 */
export function strandedNodes(directory: string, isKnown: (nodeId: string) => boolean): JournaledNode[] {
  const folder = join(directory, 'nodes');
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.filter((name) => isId(name, 'node') && !isKnown(name)).flatMap((nodeId) => {
    const paths = nodePaths(directory, nodeId);
    const [startId] = keptStarts(paths);
    if (startId === undefined) return [];
    const assignment = { nodeId, generation: 0n, desired: DesiredState.RUNNING, restartGeneration: 0n, spec: readStartedSpec(paths, startId), keepData: true };
    return [{ assignment, record: newNodeRecord }];
  });
}
