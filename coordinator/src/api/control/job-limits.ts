import { durationFromMs, durationToMs, quoted, WombatError } from '@wombat/proto';
import { Expectation, type JobLimits as LimitsMessage, type LaneLimit } from '@wombat/proto/control';
import { targetVocabulary } from '../../domain/expression/target-vocabulary.js';
import type { JobLimits } from '../../domain/model/job.js';
import { shareOf, shareView } from './sample.js';

const longestWaitMs = 24 * 3_600_000;

/** Undefined where nothing is limited. @throws WombatError WO_INVALID_ARGUMENT */
export function limitsOf(message: LimitsMessage | undefined): JobLimits | undefined {
  if (!message) return undefined;
  const { window, batch, maxFailures, per, first } = message;
  const waitMs = durationToMs(message.batchWait) ?? 0;
  if (waitMs < 0 || waitMs > longestWaitMs) throw refused('the time between two groups is at most a day');
  if (waitMs > 0 && !batch) throw refused('the time between groups is for a command that is sent in groups', 'say of how many: --batch 10');
  const limits = {
    ...(window && { window: shareOf(window, 'a window') }),
    ...(batch && { batch: { share: shareOf(batch, 'a group'), waitMs } }),
    ...(per.length > 0 && { per: lanesOf(per) }),
    ...(first && { first: shareOf(first, 'how many go first') }),
  };
  if (!maxFailures) return Object.keys(limits).length > 0 ? limits : undefined;
  if (Object.keys(limits).length === 0) throw refused('a command that is sent to all at once cannot be stopped by failures', 'say how many may be in flight: --window 10%');
  return { ...limits, maxFailures: shareOf(maxFailures, 'the number of failures') };
}

export function limitsView(limits: JobLimits | undefined): LimitsMessage | undefined {
  if (!limits) return undefined;
  const { window, batch, maxFailures, per = [], first } = limits;
  return {
    window: window && shareView(window),
    batch: batch && shareView(batch.share),
    batchWait: batch && durationFromMs(batch.waitMs),
    maxFailures: maxFailures && shareView(maxFailures),
    per: [...per],
    first: first && shareView(first),
  };
}

/** @throws WombatError WO_INVALID_ARGUMENT */
export function expectationOf(expect: Expectation): { expect?: 'present' } {
  switch (expect) {
    case Expectation.UNSPECIFIED:
    case Expectation.ALL:
      return {};
    case Expectation.PRESENT:
      return { expect: 'present' };
    default:
      throw refused('this expectation is not known', 'a newer wo may have asked: compare the versions: wo version');
  }
}

function lanesOf(per: readonly LaneLimit[]): NonNullable<JobLimits['per']> {
  const labels = new Set<string>();
  return per.map(({ label, number }) => {
    const hint = targetVocabulary.unknown(label);
    if (hint !== undefined) throw refused(`there is no attribute ${quoted(label.slice(0, 80))} to count targets by`, hint);
    if (labels.has(label)) throw refused(`${label} has two limits`);
    if (number < 1) throw refused(`of each ${label} at least 1 may be in flight`);
    labels.add(label);
    return { label, number };
  });
}

function refused(message: string, hint?: string): WombatError {
  return new WombatError('WO_INVALID_ARGUMENT', message, hint === undefined ? {} : { hint });
}
