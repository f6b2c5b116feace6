import { join } from 'node:path';
import type { Logger } from 'pino';
import { isId, toErrorDetail, type Clock, type WombatError } from '@wombat/proto';
import { Outcome, type ExecOutcome, type ExecProgress, type ExitStatus } from '@wombat/proto/agent';
import type { NodeContext } from '../nodes/node-context.js';
import type { LeftBehind } from '../processes/left-behind.js';
import type { Runner } from '../processes/runner.js';
import type { ArtifactSource } from '../session/handlers.js';
import type { ExecEntry, ExecLedger } from './exec-ledger.js';
import type { ExecOutputFiles } from './exec-output.js';
import type { ExecPolicyFile } from './exec-policy.js';
import type { ExecSecrets } from './exec-secrets.js';

export interface ExecServices {
  /** Of the agent; commands have theirs below it. */
  readonly directory: string;
  readonly hostId: string;
  /** Where programs are looked for. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly runner: Runner;
  readonly leftBehind: LeftBehind;
  readonly policy: ExecPolicyFile;
  /** How many commands may wait for others to end. */
  readonly queueLimit: number;
  readonly ledger: ExecLedger;
  readonly secrets: ExecSecrets;
  /** Where files come from that are put on the host. */
  readonly artifacts: ArtifactSource;
  /** What a command for a node is run with; undefined when the node is not on this host. */
  readonly nodeContext: (nodeId: string) => NodeContext | undefined;
  readonly onOutcome: (outcome: ExecOutcome) => void;
  /** False: nobody takes it now. */
  readonly onProgress: (progress: ExecProgress) => boolean;
}

/** Where the output and the record of one command lie. Both ids have been checked. */
export function execDirectory(directory: string, jobId: string, targetId: string): string {
  return join(directory, 'exec', jobId, targetId);
}

export function isTarget(targetId: string): boolean {
  return isId(targetId, 'node') || isId(targetId, 'host');
}

/** How long a command may still take, counted from its arrival; never more, should the wall clock be set back. */
export function leftMs({ arrivedAt, timeoutMs }: ExecEntry, clock: Clock): number {
  return Math.min(timeoutMs, Math.max(0, arrivedAt + timeoutMs - clock.now()));
}

export function outcomeWith(entry: ExecEntry, outcome: Outcome, exit: ExitStatus | undefined, clock: Clock, output?: ReturnType<ExecOutputFiles['result']>): ExecOutcome {
  return {
    jobId: entry.jobId,
    targetId: entry.targetId,
    outcome,
    exit,
    startedAt: new Date(entry.arrivedAt),
    finishedAt: new Date(clock.now()),
    ...(output ?? { stdout: undefined, stderr: undefined }),
    error: undefined,
  };
}

export function rejectedWith(entry: ExecEntry, error: WombatError, clock: Clock): ExecOutcome {
  return { ...outcomeWith(entry, Outcome.REJECTED, undefined, clock), error: toErrorDetail(error) };
}
