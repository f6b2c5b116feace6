import { durationFromMs } from '@wombat/proto';
import { TargetKind, type Share } from '@wombat/proto/control';
import { parseDurationMs } from '../parse/duration.js';
import { UsageError } from '../usage-error.js';
import { flag, oneOf, share, text, wholeNumber } from '../options.js';

/** Options of every command that lists. */
export const listOptions = {
  limit: wholeNumber('--limit <n>', 'at most so many', { minimum: 1 }),
  orderBy: text('--order-by <field>', 'name or created_at, with " desc" for the reverse', { words: ['name', 'created_at', 'name desc', 'created_at desc'] }),
};

/** Of a command that would store something. */
export const dryRunOption = { dryRun: flag('--dry-run', 'say what would be stored, and store nothing') };

/** Of every command that follows an operation. */
export const detachOption = { detach: flag('--detach', 'do not wait: print the id of the operation and leave it running') };

const defaultWaitMs = 60 * 60_000;

/** Options of every command that starts an operation. */
export const operationOptions = {
  wait: {
    flags: '--wait [duration]',
    help: 'where another operation holds the family: wait for it, at most so long, and begin then; write --wait=30m, --wait alone means an hour',
    read: (given: readonly string[], name: string) => (given.length === 0 ? undefined : durationFromMs(given.at(-1) === '' ? defaultWaitMs : parseDurationMs(given.at(-1)!, name))),
  },
  ...detachOption,
};

/** Of every command that drains nodes before it stops them. */
export const noDrainOption = { noDrain: flag('--no-drain', 'stop the nodes without draining them first') };

export const operationTimeoutHelp = 'stop waiting after so long, exit 6, and leave the operation running';

const targetKinds = ['nodes', 'hosts'] as const;

/** Of every command that takes an expression. */
export const onOption = { on: oneOf('--on <kind>', 'nodes, or hosts: the machines themselves, in no node; nodes when left out, or the host that is named', targetKinds) };

/** Of every command that takes an expression: only some of what it means. */
export const sampleOptions = {
  sample: share('--sample <share>', 'only so many of them, chosen by chance: a number, or a percentage such as 10%'),
  seed: text('--seed <text>', 'with --sample: the same text chooses the same targets again; made up when left out'),
};

/** @throws UsageError for a seed without a sample */
export function sampleOf({ sample, seed }: { readonly sample: Share | undefined; readonly seed: string | undefined }): { sample?: { share: Share; seed: string } } {
  if (!sample && seed !== undefined) throw new UsageError('--seed is for --sample', 'give --sample 10% too');
  return sample ? { sample: { share: sample, seed: seed ?? '' } } : {};
}

export function targetKindOf(on: (typeof targetKinds)[number] | undefined): TargetKind {
  if (on === undefined) return TargetKind.UNSPECIFIED;
  return on === 'hosts' ? TargetKind.HOSTS : TargetKind.NODES;
}
