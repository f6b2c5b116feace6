import { createHash } from 'node:crypto';
import type { ErrorDetail } from '@wombat/proto/types';
import { NodeSpec, type Assignment, type ExitStatus, type RenderedFile } from '@wombat/proto/agent';
import type { ProcessIdentity } from '@wombat/proto/processes';

/** What the agent has done for a node; kept in the journal beside the assignment. */
export interface NodeRecord {
  /** What the root was made from. */
  readonly rootKey?: string;
  /** The start that is under way, or was last. Written before the process is spawned. */
  readonly start?: StartRecord;
  /** Starts after the first, in this incarnation. */
  readonly restarts: number;
  /** When starts failed or processes ended, in the interval of the restart policy; milliseconds since 1970. */
  readonly failures: readonly number[];
  readonly waiting?: WaitingRecord;
  /** Set when the node is left failed or stopped for this key, until another is wanted. */
  readonly settled?: { readonly key: string; readonly phase: 'failed' | 'stopped' };
  readonly lastExit?: ExitStatus;
  readonly lastError?: ErrorDetail;
  readonly logTail: string;
}

export interface StartRecord {
  readonly startId: string;
  readonly startedAt: number;
  /** Of the machine, so that a reboot is not taken for a crash of the node. */
  readonly bootId: string;
  /** What the process was started for: `incarnationKey()`. */
  readonly incarnation: string;
  /** The ready check succeeded, for this process or an earlier one of the incarnation. */
  readonly wasReady: boolean;
  /** The ready check succeeded for this process. */
  readonly isReady: boolean;
  /** The process ended, and that has been dealt with. */
  readonly isOver: boolean;
  /** For RUN_MODE_DAEMON: the process that the start command left behind. */
  readonly daemon?: ProcessIdentity;
}

export interface WaitingRecord {
  readonly reason: string;
  readonly sinceMs: number;
  readonly nextTryAtMs?: number;
}

export const newNodeRecord: NodeRecord = { restarts: 0, failures: [], logTail: '' };

/** Assignments never change, and the key of one is asked for again and again. */
const incarnationKeys = new WeakMap<Assignment, string>();

/** Two assignments with the same key can be served by one process. */
export function incarnationKey(assignment: Assignment): string {
  const known = incarnationKeys.get(assignment) ?? makeIncarnationKey(assignment);
  incarnationKeys.set(assignment, known);
  return known;
}

function makeIncarnationKey(assignment: Assignment): string {
  const spec = assignment.spec;
  if (!spec) return '';
  // The order of a map on the wire says nothing.
  const environment = Object.fromEntries(Object.entries(spec.environment).sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${sha256(NodeSpec.encode({ ...spec, environment }).finish())}/${assignment.restartGeneration}`;
}

/** A root made for the same key need not be made anew. */
export function rootKey(artifactSha256: string, files: readonly RenderedFile[], owner = ''): string {
  const hash = createHash('sha256').update(artifactSha256).update(owner === '' ? '' : `\0${owner}`);
  for (const { path, mode, content } of files) hash.update(`\0${path}\0${mode}\0${content.length}\0`).update(content);
  return hash.digest('base64url');
}

/** What a node was left failed or stopped for. */
export function settledKey(assignment: Assignment): string {
  return `${assignment.generation}/${assignment.restartGeneration}`;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url');
}
