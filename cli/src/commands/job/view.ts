import { quoted } from '@wombat/proto';
import { outcomeToJSON } from '@wombat/proto/agent';
import { jobStateToJSON, type Job, type JobTarget } from '@wombat/proto/control';
import type { Action } from '@wombat/proto/types';
import { shareText } from '../../parse/share.js';
import { limitsText } from '../limits.js';
import { holdText, isPaused } from './hold.js';
import type { Column } from '../../output/table.js';
import { brief, relative } from '../../output/time.js';
import { bytes, word } from '../../output/words.js';

export function jobColumns(nowMs: number): readonly Column<Job>[] {
  return [
    { title: 'ID', text: (job) => job.metadata?.id ?? '' },
    { title: 'STATE', text: jobStateOf },
    { title: 'ON', text: (job) => job.expression, cut: true },
    { title: 'TARGETS', text: (job) => String(job.targetCount) },
    { title: 'OUTCOMES', text: outcomesOf },
    { title: 'STARTED', text: (job) => relative(job.metadata?.createdAt, nowMs) },
    { title: 'BY', text: (job) => job.principal, wide: true },
    { title: 'COMMAND', text: commandText },
  ];
}

export function jobStateOf(job: Job): string {
  return isPaused(job) ? 'paused' : word(jobStateToJSON(job.state), 'JOB_STATE_');
}

/** "failed 1, ok 2" */
export function outcomesOf(job: Job): string {
  return Object.entries(job.outcomes).filter(([, amount]) => amount > 0).map(([outcome, amount]) => `${outcome.replaceAll('_', ' ')} ${amount}`).join(', ');
}

export function jobEntries(job: Job, nowMs: number): readonly (readonly [string, string])[] {
  return [
    ['id', job.metadata?.id ?? ''],
    ['command', commandText(job)],
    ['on', job.expression],
    ['rerun of', job.rerunOf],
    ['state', jobStateOf(job)],
    ['targets', String(job.targetCount)],
    ['sample', job.sample ? `${job.sample.share ? shareText(job.sample.share) : ''} of ${job.sample.of}, --seed ${quoted(job.sample.seed)}` : ''],
    ['sent', limitsText(job.limits, job.expect)],
    ['not sent yet', holdText(job, nowMs)],
    ['stopped', job.stopped?.message ?? ''],
    ['cancelled', relative(job.cancelledAt, nowMs)],
    ['outcomes', outcomesOf(job)],
    ['asked by', job.principal],
    ['started', relative(job.metadata?.createdAt, nowMs)],
    ['took', job.finishedAt && job.metadata?.createdAt ? brief(job.finishedAt.getTime() - job.metadata.createdAt.getTime()) : ''],
  ];
}

/** "uptime -p"; of releases "run backup /srv" */
export function commandText({ action, releaseCommand }: Job): string {
  return releaseCommand ? ['run', releaseCommand.name, ...releaseCommand.arguments].map(quoted).join(' ') : actionText(action);
}

function actionText(action: Action | undefined): string {
  switch (action?.kind?.$case) {
    case 'command':
      return action.kind.value.argv.map(quoted).join(' ');
    case 'erlangEval':
      return action.kind.value.expressions;
    case 'erlangApply':
      return `${action.kind.value.module}:${action.kind.value.function}(${action.kind.value.arguments})`;
    case 'putFile':
      return `put ${bytes(action.kind.value.sizeBytes)} at ${quoted(action.kind.value.path)}`;
    default:
      return '';
  }
}

/** "ok", "failed (exit 2)", "killed (signal 9)" */
export function outcomeText(target: JobTarget): string {
  const outcome = word(outcomeToJSON(target.outcome), 'OUTCOME_').replaceAll('_', ' ') || (target.held ? 'not sent yet' : 'running');
  const { exit } = target;
  if (outcome === 'ok' || !exit?.kind) return outcome;
  return exit.kind.$case === 'unknown' ? `${outcome} (exit not known)` : `${outcome} (${exit.kind.$case === 'code' ? 'exit' : 'signal'} ${exit.kind.value})`;
}
