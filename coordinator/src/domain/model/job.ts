import type { StoredError, StoredObject } from './object.js';

export const outcomes = ['ok', 'failed', 'timed_out', 'killed', 'unreachable_before_send', 'lost_during_run', 'rejected', 'skipped'] as const;
export type OutcomeWord = (typeof outcomes)[number];

export type ExitStatus = { readonly code: number } | { readonly signal: number } | { readonly unknown: true };

/** A number of targets, or so many in a hundred of them. */
export type Share = { readonly number: number } | { readonly percent: number };

export interface Sample {
  readonly share: Share;
  readonly seed: string;
}

export type TargetKind = 'nodes' | 'hosts';

/** One command sent to many nodes or hosts. */
export interface Job extends StoredObject {
  readonly principal: string;
  /** What was given where that is an id or a name, else the expression as it was understood. */
  readonly expression: string;
  /** @default nodes, or the host that was named */
  readonly on?: TargetKind;
  /** The job whose command and targets it has. */
  readonly rerunOf?: string;
  /** How its targets were chosen from those that were meant. */
  readonly sample?: Sample & { readonly of: number };
  /** Also on nodes that do not run. @default false */
  readonly all?: boolean;
  /** wombat.type.v1.Action as JSON. */
  readonly action: unknown;
  readonly timeoutMs: number;
  readonly state: 'running' | 'finished';
  readonly targetCount: number;
  readonly finishedAt?: number;
}

/** The job on one target; its id is `<job id>/<target id>`. */
export interface JobTarget extends StoredObject {
  readonly jobId: string;
  readonly targetId: string;
  readonly hostId: string;
  readonly outcome?: OutcomeWord;
  readonly exit?: ExitStatus;
  /** Base64 of the head of the output. */
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutLostBytes: number;
  readonly stderrLostBytes: number;
  /** Where in what is kept the lost bytes would stand. */
  readonly stdoutLostAt?: number;
  readonly stderrLostAt?: number;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  readonly error?: StoredError;
}
