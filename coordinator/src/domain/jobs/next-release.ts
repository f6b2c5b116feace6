import type { Job } from '../model/job.js';
import type { Bounds } from './bounds.js';
import { laneKey, type HeldTarget, type JobProgress } from './job-progress.js';

/**
 * What a job with limits does next: send to some targets; or wait, for outcomes or hosts, for the time of its next group, or
 * for somebody who lets it go on; or stop, since too many have failed. `nothing` is held any more.
 */
export type NextRelease =
  | { readonly kind: 'release'; readonly targets: readonly HeldTarget[] }
  | { readonly kind: 'outcomes' }
  | { readonly kind: 'hosts' }
  | { readonly kind: 'group'; readonly at: number }
  | { readonly kind: 'resume' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'nothing' };

export interface Steering extends Pick<Job, 'nextGroup' | 'resumedAt'> {
  /** Whether its host is away and expected back in a moment: then its targets wait, and others go before them. */
  readonly isAwaited?: (hostId: string) => boolean;
}

export function nextRelease(bounds: Bounds, progress: JobProgress, { nextGroup, resumedAt, isAwaited = () => false }: Steering, now: number): NextRelease {
  const { held, running, released, failures } = progress;
  if (held.size === 0) return { kind: 'nothing' };
  if (failures >= bounds.maxFailures) return { kind: 'stop' };
  const isResumed = resumedAt !== undefined;
  if (isBetweenGroups(bounds, released, isResumed)) {
    if (running > 0) return { kind: 'outcomes' };
    if (released === bounds.first && !isResumed) return { kind: 'resume' };
    // Whoever let it go on has waited long enough.
    const waitMs = released === bounds.first ? 0 : bounds.batchWaitMs;
    const at = nextGroup?.released === released ? nextGroup.at : now + waitMs;
    if (at > now) return { kind: 'group', at };
  }
  const targets = fitting(bounds, progress, isAwaited, Math.min(bounds.window - running, groupEnd(bounds, released, isResumed) - released));
  if (targets.length > 0) return { kind: 'release', targets };
  return { kind: running > 0 ? 'outcomes' : 'hosts' };
}

/** Whether as many were released as the groups up to here have. With the first ones, after which it pauses, a group ends too. */
function isBetweenGroups({ first, batch }: Bounds, released: number, isResumed: boolean): boolean {
  if (released === 0) return false;
  if (released === first && !isResumed) return true;
  return batch !== Infinity && (released - groupsBegin(first, released)) % batch === 0;
}

/** The number of released targets with which the group that is under way is full. */
function groupEnd({ first, batch }: Bounds, released: number, isResumed: boolean): number {
  const begin = groupsBegin(first, released);
  const end = batch === Infinity ? Infinity : begin + (Math.floor((released - begin) / batch) + 1) * batch;
  return released < first && !(isResumed && batch === Infinity) ? Math.min(first, end) : end;
}

function groupsBegin(first: number, released: number): number {
  return released < first ? 0 : first;
}

/** The first of the held, at most so many, for whose values there is room. */
function fitting({ per }: Bounds, progress: JobProgress, isAwaited: (hostId: string) => boolean, room: number): HeldTarget[] {
  const targets: HeldTarget[] = [];
  const taken = new Map<string, number>();
  for (const target of progress.held.values()) {
    if (targets.length >= room) break;
    if (isAwaited(target.hostId)) continue;
    const lanes = per.map(({ label, number }) => {
      const value = target.lanes[label] ?? '';
      return { key: laneKey(label, value), room: number - progress.runningIn(label, value) };
    });
    if (lanes.some(({ key, room: inLane }) => (taken.get(key) ?? 0) >= inLane)) continue;
    for (const { key } of lanes) taken.set(key, (taken.get(key) ?? 0) + 1);
    targets.push(target);
  }
  return targets;
}
