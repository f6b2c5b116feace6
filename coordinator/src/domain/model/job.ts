import type { ReleaseCommand } from '../release/commands/release-command.js';
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

/** How a job is sent where that is not to all targets at once; it is sent so by the coordinator, whoever looks on. */
export interface JobLimits {
  /** At most so many in flight. */
  readonly window?: Share;
  /** So many, then the next group when each of them has ended and the time has passed. */
  readonly batch?: { readonly share: Share; readonly waitMs: number };
  /** When so many have failed, nothing more is sent. */
  readonly maxFailures?: Share;
  /** Of those that have one value of an attribute, at most so many in flight. */
  readonly per?: readonly { readonly label: string; readonly number: number }[];
  /** After so many it waits for somebody to let it go on. */
  readonly first?: Share;
}

/** Attribute -> the value that a target has in it. */
export type Lanes = Readonly<Record<string, string>>;

/** A command of releases. */
export interface JobCommand extends ReleaseCommand {
  /** What it was in the release of each target when the job was made: wombat.type.v1.Action as JSON. */
  readonly actions: Readonly<Record<string, unknown>>;
}

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
  /** Targets whose hosts are away are skipped instead of failing. */
  readonly expect?: 'present';
  readonly limits?: JobLimits;
  /** What its commands write is told to watchers while they run. */
  readonly live?: true;
  /** With limits: why nothing more is sent. */
  readonly stopped?: StoredError;
  /** With limits: the group that begins when so many have been released begins at this time. */
  readonly nextGroup?: { readonly released: number; readonly at: number };
  /** When it was cancelled: hosts that were away are told when they are back. */
  readonly cancelledAt?: number;
  readonly pausedAt?: number;
  readonly resumedAt?: number;
  /** wombat.type.v1.Action as JSON; empty where it is a command of releases. */
  readonly action: unknown;
  readonly command?: JobCommand;
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
  /** Not sent yet: the limits of its job are in the way. */
  readonly held?: true;
  /** Where the job has limits: when it was sent. */
  readonly releasedAt?: number;
  readonly lanes?: Lanes;
  /** Where the job is a command of releases: the one whose command it runs. */
  readonly releaseId?: string;
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
