import { durationFromMs } from '@wombat/proto';
import { Expectation, type JobLimits, type LaneLimit } from '@wombat/proto/control';
import type { OptionValues } from '../command.js';
import { brief } from '../output/time.js';
import { duration, flag, oneOf, readPair, readWholeNumber, share } from '../options.js';
import { shareText } from '../parse/share.js';
import { UsageError } from '../usage-error.js';

/** Of a command that makes a job: how it is sent. The coordinator keeps to it. */
export const limitOptions = {
  window: share('--window <share>', 'at most so many in flight: a number, or a percentage of the targets such as 10%'),
  batch: share('--batch <share>', 'in groups of so many: the next one begins when the one before has ended'),
  batchWait: duration('--batch-wait <duration>', 'with --batch: and so long after that'),
  maxFailures: share('--max-failures <share>', 'when so many targets have failed, send nothing more: what is left is skipped; with one of the others'),
  per: {
    flags: '--per <label=n>',
    help: 'at most so many in flight for each value of an attribute, as zone=1; may be repeated',
    read: (given: readonly string[], name: string): readonly LaneLimit[] => given.map((text) => {
      const [label, number] = readPair(text, name, '=');
      return { label, number: readWholeNumber(number, `${name} ${label}`, { minimum: 1, maximum: 1_000_000 }) };
    }),
  },
  first: share('--first <share>', 'with --pause: send it to so many first'),
  pause: flag('--pause', 'with --first: then wait for wo job resume'),
  expect: oneOf('--expect <who>', 'all: a host that is away is a failure, or present: its targets are skipped; all when left out', ['all', 'present']),
};

/** @throws UsageError for options of which one says nothing without the other */
export function limitsOf({ window, batch, batchWait, maxFailures, per, first, pause, expect }: OptionValues<typeof limitOptions>): { limits?: JobLimits; expect?: Expectation } {
  if (batchWait !== undefined && !batch) throw new UsageError('--batch-wait is for --batch', 'say of how many: --batch 10');
  if (first && !pause) throw new UsageError('--first is for --pause', 'add --pause; to run it on some targets alone: --sample');
  if (pause && !first) throw new UsageError('--pause is for --first', 'say after how many: --first 1');
  const isLimited = [window, batch, maxFailures, first].some(Boolean) || per.length > 0;
  return {
    ...(isLimited && { limits: { window, batch, batchWait: batchWait === undefined ? undefined : durationFromMs(batchWait), maxFailures, per: [...per], first } }),
    ...(expect && { expect: expect === 'present' ? Expectation.PRESENT : Expectation.ALL }),
  };
}

/** As it would be asked for again. */
export function limitsText(limits: JobLimits | undefined, expect: Expectation): string {
  const shares = [['--window', limits?.window], ['--batch', limits?.batch], ['--max-failures', limits?.maxFailures], ['--first', limits?.first]] as const;
  const wait = limits?.batchWait ? Number(limits.batchWait.seconds) * 1000 + limits.batchWait.nanos / 1e6 : 0;
  return [
    ...shares.flatMap(([name, value]) => (value ? [`${name} ${shareText(value)}${name === '--first' ? ' --pause' : ''}`] : [])),
    ...(wait > 0 ? [`--batch-wait ${brief(wait)}`] : []),
    ...(limits?.per ?? []).map(({ label, number }) => `--per ${label}=${number}`),
    ...(expect === Expectation.PRESENT ? ['--expect present'] : []),
  ].join(' ');
}
