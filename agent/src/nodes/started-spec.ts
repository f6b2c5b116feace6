import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { NodeSpec } from '@wombat/proto/agent';
import { removeRecord } from '../processes/process-record.js';
import { recordPrefix } from './node-launch.js';
import type { NodePaths } from './node-paths.js';

const specSuffix = '.spec';

/**
 * What a process was started with, kept beside its record: it is stopped by the words of its own
 * release, also when another one is wanted by then.
 */
export function writeStartedSpec(paths: NodePaths, startId: string, spec: NodeSpec): void {
  // With secrets in it.
  writeFileSync(specFile(paths, startId), NodeSpec.encode(spec).finish(), { mode: 0o600 });
}

export function readStartedSpec(paths: NodePaths, startId: string): NodeSpec | undefined {
  try {
    return NodeSpec.decode(readFileSync(specFile(paths, startId)));
  } catch {
    return undefined;
  }
}

/** Of every start that something is kept of. */
export function keptStarts(paths: NodePaths): string[] {
  if (!existsSync(paths.run)) return [];
  const names = readdirSync(paths.run).filter((name) => name.endsWith(specSuffix));
  return names.map((name) => name.slice(0, -specSuffix.length));
}

/** Removes what is kept of a start that is over. */
export function discardStart(paths: NodePaths, startId: string): void {
  removeRecord(recordPrefix(paths, startId));
  rmSync(specFile(paths, startId), { force: true });
}

function specFile(paths: NodePaths, startId: string): string {
  return `${recordPrefix(paths, startId)}${specSuffix}`;
}
