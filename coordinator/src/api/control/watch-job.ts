import type { WatchJobResponse } from '@wombat/proto/control';
import { isPaused } from '../../domain/jobs/is-paused.js';
import type { Job, JobTarget } from '../../domain/model/job.js';
import type { JobService } from '../../engine/jobs/job-service.js';
import type { Store } from '../../store/store.js';
import { endedTargets } from './job-targets.js';
import { jobTargetView, jobView } from './views/job-view.js';

/** Every outcome once, as it comes. Outcomes are taken from the commits: a large job is read once only. */
export async function* watchJob(store: Store, jobs: JobService, seen: Job, signal: AbortSignal): AsyncGenerator<WatchJobResponse> {
  const news: JobTarget[] = [];
  let wake = (): void => undefined;
  let finished: Job | undefined;
  let paused: Job | undefined;
  const unsubscribe = store.onCommit((commit) => {
    for (const { kind, id, object } of commit.changes) {
      if (kind === 'jobTargets' && id.startsWith(`${seen.id}/`) && object) news.push(object as JobTarget);
      if (kind !== 'jobs' || id !== seen.id || !object) continue;
      const job = object as Job;
      if (job.state === 'finished') finished = job;
      paused = isPaused(job) ? job : undefined;
    }
    if (news.length > 0 || finished || paused) wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    // A finished job is told last, after its outcomes: whoever watches ends there.
    if (seen.state !== 'finished') yield { kind: { $case: 'job', value: jobView(seen, {}) } };
    const told = new Set<string>();
    const counts: Record<string, number> = {};
    const isNew = ({ id, outcome }: JobTarget): boolean => {
      if (outcome === undefined || told.has(id)) return false;
      told.add(id);
      counts[outcome] = (counts[outcome] ?? 0) + 1;
      return true;
    };
    const stored = await store.read.jobs.get(seen.id);
    for await (const target of endedTargets(store.read, seen.id)) if (isNew(target)) yield { kind: { $case: 'target', value: jobTargetView(target) } };
    if (stored?.state === 'finished') finished = stored;
    if (stored && isPaused(stored)) paused = stored;
    while (!signal.aborted) {
      for (const target of news.splice(0)) if (isNew(target)) yield { kind: { $case: 'target', value: jobTargetView(target) } };
      // The job ends in the commit of its last outcome: none can come after it.
      if (finished && news.length === 0) {
        yield { kind: { $case: 'job', value: jobView(finished, counts) } };
        return;
      }
      if (paused && news.length === 0) {
        const job = paused;
        paused = undefined;
        yield { kind: { $case: 'job', value: jobView(job, counts, await jobs.holdOf(job)) } };
      }
      if (news.length === 0 && !finished && !paused && !signal.aborted) await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    unsubscribe();
  }
}
