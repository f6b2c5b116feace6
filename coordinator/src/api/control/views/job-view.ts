import { durationFromMs } from '@wombat/proto';
import { Outcome, type ExitStatus as ExitMessage } from '@wombat/proto/agent';
import { Expectation, HoldReason, JobState, TargetKind, type Hold as HoldMessage, type Job as JobMessage, type JobTarget as JobTargetMessage } from '@wombat/proto/control';
import { Action } from '@wombat/proto/types';
import type { ExitStatus, Job, JobTarget } from '../../../domain/model/job.js';
import type { Hold } from '../../../engine/jobs/limited-jobs.js';
import { limitsView } from '../job-limits.js';
import { sampleView } from '../sample.js';
import { dateOf, enumOf, errorView, metadataView } from './common.js';

/** `counts`: targets by outcome, those without one under ''. */
export function jobView(job: Job, counts: Readonly<Record<string, number>>, hold?: Hold): JobMessage {
  const { '': _open, ...outcomes } = counts;
  return {
    metadata: metadataView(job),
    principal: job.principal,
    expression: job.expression,
    action: Action.fromJSON(job.action),
    timeout: durationFromMs(job.timeoutMs),
    state: enumOf<JobState>(JobState, job.state),
    targetCount: job.targetCount,
    outcomes,
    finishedAt: dateOf(job.finishedAt),
    cancelledAt: dateOf(job.cancelledAt),
    on: job.on ? enumOf<TargetKind>(TargetKind, job.on) : TargetKind.UNSPECIFIED,
    rerunOf: job.rerunOf ?? '',
    all: job.all ?? false,
    sample: sampleView(job.sample),
    expect: job.expect ? Expectation.PRESENT : Expectation.ALL,
    limits: limitsView(job.limits),
    hold: hold && holdView(hold),
    stopped: errorView(job.stopped),
    releaseCommand: job.command && { name: job.command.name, arguments: [...job.command.arguments] },
  };
}

const holdReasons = { outcomes: HoldReason.OUTCOMES, hosts: HoldReason.HOSTS, group: HoldReason.GROUP, resume: HoldReason.RESUME } as const;

function holdView({ count, for: reason, at }: Hold): HoldMessage {
  return { count, reason: holdReasons[reason], nextAt: dateOf(at) };
}

export function jobTargetView(target: JobTarget): JobTargetMessage {
  return {
    targetId: target.targetId,
    targetName: target.name,
    hostId: target.hostId,
    outcome: target.outcome ? enumOf<Outcome>(Outcome, target.outcome) : Outcome.UNSPECIFIED,
    exit: target.exit && exitView(target.exit),
    stdout: Buffer.from(target.stdout, 'base64'),
    stderr: Buffer.from(target.stderr, 'base64'),
    stdoutLostBytes: BigInt(target.stdoutLostBytes),
    stderrLostBytes: BigInt(target.stderrLostBytes),
    stdoutLostAt: BigInt(target.stdoutLostAt ?? 0),
    stderrLostAt: BigInt(target.stderrLostAt ?? 0),
    startedAt: dateOf(target.startedAt),
    finishedAt: dateOf(target.finishedAt),
    error: errorView(target.error),
    held: target.outcome === undefined && target.held === true,
  };
}

function exitView(exit: ExitStatus): ExitMessage {
  if ('code' in exit) return { kind: { $case: 'code', value: exit.code } };
  if ('signal' in exit) return { kind: { $case: 'signal', value: exit.signal } };
  return { kind: { $case: 'unknown', value: true } };
}
