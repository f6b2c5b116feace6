import { exitCodes, groupBy, naturalOrder } from '@wombat/proto';
import { Outcome } from '@wombat/proto/agent';
import type { Job, JobTarget } from '@wombat/proto/control';
import { foldNames } from '../../output/fold-names.js';
import { linesOf, prefixedLines } from '../../output/prefixed-lines.js';
import { sanitise } from '../../output/sanitise.js';
import { brief } from '../../output/time.js';
import { bytes, count } from '../../output/words.js';
import type { Runtime } from '../../runtime.js';
import type { Colours } from '../../terminal/colours.js';
import { outcomeText } from './view.js';

export interface OutcomeOptions {
  /** Equal outcomes are shown once, under all their names. */
  readonly fold: boolean;
}

/** What went wrong first, then what went well; "name | line" on stdout, talk on stderr. */
export function printOutcomes(runtime: Runtime, targets: readonly JobTarget[], { fold }: OutcomeOptions): void {
  const sorted = failuresFirst(targets);
  const groups = fold ? grouped(sorted) : sorted.map((target) => [target]);
  const labels = groups.map((group) => sanitise(foldNames(group.map(labelOf))));
  const width = fold ? 0 : Math.min(40, Math.max(0, ...labels.map((label) => label.length)));
  groups.forEach((group, index) => printGroup(runtime, group, labels[index]!, width, fold));
}

/** At most so many of them: the others are counted. */
const toldFailures = 50;

/** What went wrong, once where it is the same, after all outputs were shown. */
export function printFailures(runtime: Runtime, id: string, targets: readonly JobTarget[]): void {
  const failed = failuresFirst(targets.filter((target) => !isOk(target)));
  const groups = [...groupBy(failed, (target) => JSON.stringify([outcomeText(target), target.error?.code, target.error?.message])).values()];
  for (const group of groups.slice(0, toldFailures)) printFailure(runtime, group, sanitise(`${foldNames(group.map(labelOf))}${group.length > 1 ? ` (${group.length})` : ''}`));
  const left = groups.slice(toldFailures).flat().length;
  if (left > 0) runtime.print.warn(`and ${left} more that were not ok: wo job show ${id}`);
}

export function failuresFirst(targets: readonly JobTarget[]): JobTarget[] {
  return [...targets].sort((left, right) => Number(isOk(left)) - Number(isOk(right)) || naturalOrder(labelOf(left), labelOf(right)));
}

/** 0 all ok, 3 some failed or the job has stopped, 1 all failed. Who was skipped does not count, unless everyone was: then nothing ran. */
export function exitOfOutcomes(targets: readonly JobTarget[], hasStopped = false): number {
  const asked = targets.filter(({ outcome }) => outcome !== Outcome.SKIPPED);
  const ok = asked.filter(isOk).length;
  if (hasStopped && ok > 0) return exitCodes.partial;
  if (ok === asked.length) return asked.length > 0 || targets.length === 0 ? exitCodes.done : exitCodes.failed;
  return ok === 0 ? exitCodes.failed : exitCodes.partial;
}

/** The largest exit code of the remote commands; a signal counts as 128 and itself, what has no code as 1. */
export function largestRemoteExit(targets: readonly JobTarget[]): number {
  return Math.max(0, ...targets.map((target) => {
    if (target.exit?.kind?.$case === 'code') return target.exit.kind.value & 255;
    if (target.exit?.kind?.$case === 'signal') return Math.min(255, 128 + target.exit.kind.value);
    return isOk(target) || target.outcome === Outcome.SKIPPED ? 0 : 1;
  }));
}

/** "2 ok, 1 failed, 1 timed out of 4 in 410ms; slowest riak-2 302ms" */
export function summaryLine(job: Job, targets: readonly JobTarget[]): string {
  const tally = new Map<string, number>();
  for (const target of targets) {
    const outcome = outcomeText(target).replace(/ \(.*$/, '');
    tally.set(outcome, (tally.get(outcome) ?? 0) + 1);
  }
  const took = job.finishedAt && job.metadata?.createdAt ? ` in ${brief(job.finishedAt.getTime() - job.metadata.createdAt.getTime())}` : '';
  const slowest = [...targets].sort((left, right) => tookMs(right) - tookMs(left))[0];
  const slow = slowest && targets.length > 1 && tookMs(slowest) > 0 ? `; slowest ${labelOf(slowest)} ${brief(tookMs(slowest))}` : '';
  return sanitise(`${[...tally].map(([outcome, amount]) => `${amount} ${outcome}`).join(', ')} of ${count(targets.length, 'target')}${took}${slow}`);
}

export function isOk(target: JobTarget): boolean {
  return target.outcome === Outcome.OK;
}

export function labelOf(target: Pick<JobTarget, 'targetName' | 'targetId'>): string {
  return target.targetName || target.targetId;
}

function tookMs(target: JobTarget): number {
  return target.startedAt && target.finishedAt ? target.finishedAt.getTime() - target.startedAt.getTime() : 0;
}

/** Those that ended alike, with the same output. */
function grouped(targets: readonly JobTarget[]): JobTarget[][] {
  return [...groupBy(targets, (target) => JSON.stringify([outcomeText(target), encoded(target.stdout), encoded(target.stderr), target.error?.message])).values()];
}

function printGroup(runtime: Runtime, group: readonly JobTarget[], label: string, width: number, fold: boolean): void {
  const { io, print } = runtime;
  const target = group[0]!;
  if (!isOk(target)) printFailure(runtime, group, fold ? `${label} (${group.length})` : label);
  else if (fold) print.data(print.out.bold(`${label} (${group.length})`));
  const prefix = (colours: Colours): string => (fold ? '  ' : `${colours.cyan(label.padEnd(width))} | `);
  for (const [out, colours, data] of [[io.stdout, print.out, target.stdout], [io.stderr, print.err, target.stderr]] as const) {
    if (data.length > 0) out.write(prefixedLines(out.isTTY === true, prefix(colours), linesOf(data)));
  }
  for (const lost of lossesOf(target)) print.warn(`${label}: ${lost}`);
}

/** "✗ web-2: failed (exit 2)", why, and what to do. */
function printFailure({ print }: Runtime, group: readonly JobTarget[], label: string): void {
  const target = group[0]!;
  const mark = target.outcome === Outcome.SKIPPED ? print.err.dim('-') : print.err.red('✗');
  print.warn(`${mark} ${label}: ${outcomeText(target)}${target.error ? `  ${sanitise(`${target.error.code}: ${target.error.message}`)}` : ''}`);
  if (target.error?.hint) print.warn(`    ${print.err.dim(`try: ${sanitise(target.error.hint)}`)}`);
}

export function lossesOf({ stdoutLostBytes, stdoutLostAt, stderrLostBytes, stderrLostAt }: JobTarget): string[] {
  const tell = (what: string, lostBytes: bigint, lostAt: bigint): string[] => (lostBytes > 0n ? [`${bytes(lostBytes)} of the ${what} were lost behind its first ${bytes(lostAt)}`] : []);
  return [...tell('output', stdoutLostBytes, stdoutLostAt), ...tell('error output', stderrLostBytes, stderrLostAt)];
}

/** Bytes that are no text differ, too. */
function encoded(data: Uint8Array): string {
  return Buffer.from(data).toString('base64');
}
