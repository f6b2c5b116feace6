import { durationToMs, WombatError } from '@wombat/proto';
import { JobServiceService, type WatchJobResponse } from '@wombat/proto/control';
import { principalOf } from '../../auth/identity.js';
import type { Job, JobTarget } from '../../domain/model/job.js';
import { findObject } from '../../engine/find-object.js';
import type { JobService } from '../../engine/jobs/job-service.js';
import type { Store } from '../../store/store.js';
import { implement, type Service } from '../service.js';
import { pageQuery } from './paging.js';
import { jobTargetView, jobView } from './views/job-view.js';

export interface JobApiOptions {
  readonly store: Store;
  readonly jobs: JobService;
}

const defaultTimeoutMs = 60_000;

export function jobApiService({ store, jobs }: JobApiOptions): Service {
  const find = (reference: string): Promise<Job> => findObject(store.read, 'jobs', reference);
  const targetsOf = (job: Job): Promise<JobTarget[]> => store.read.jobTargets.find({ jobId: job.id });
  const viewOf = async (job: Job): Promise<ReturnType<typeof jobView>> => jobView(job, await targetsOf(job));
  return implement(JobServiceService, {
    async createJob(request, context) {
      const action = request.action;
      if (!action?.kind || (action.kind.$case === 'command' && action.kind.value.argv.length === 0)) {
        throw new WombatError('WO_INVALID_ARGUMENT', 'there is no command to run', { hint: 'wo exec FAMILY -- COMMAND' });
      }
      const job = await jobs.create({
        principal: principalOf(context.identity), expression: request.expression, action, timeoutMs: durationToMs(request.timeout) ?? defaultTimeoutMs,
      });
      return { job: await viewOf(job) };
    },
    async listJobs(request) {
      const page = await store.read.jobs.page(await pageQuery<'jobs'>(request.page, { state: { field: 'state' } }));
      return { jobs: await Promise.all(page.items.map(viewOf)), page: { nextPageToken: page.nextPageToken } };
    },
    async getJob(request) {
      const job = await find(request.job);
      const targets = await targetsOf(job);
      return { job: jobView(job, targets), targets: targets.map(jobTargetView) };
    },
    async *watchJob(request, context) {
      yield* watch(store, await find(request.job), context.signal);
    },
    async cancelJob(request) {
      const job = await find(request.job);
      await jobs.cancel(job);
      return { job: await viewOf(job) };
    },
  });
}

async function* watch(store: Store, seen: Job, signal: AbortSignal): AsyncGenerator<WatchJobResponse> {
  const shown = new Set<string>();
  let wake = (): void => undefined;
  let pending = true;
  const unsubscribe = store.onCommit((commit) => {
    if (!commit.changes.some((change) => change.kind === 'jobTargets' || (change.kind === 'jobs' && change.id === seen.id))) return;
    pending = true;
    wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    // A finished job is told last, after its outcomes: whoever watches ends there.
    if (seen.state !== 'finished') yield { kind: { $case: 'job', value: jobView(seen, []) } };
    while (!signal.aborted) {
      if (!pending) await new Promise<void>((resolve) => (wake = resolve));
      pending = false;
      const job = await store.read.jobs.get(seen.id);
      const targets = await store.read.jobTargets.find({ jobId: seen.id });
      for (const target of targets) {
        if (target.outcome === undefined || shown.has(target.id)) continue;
        shown.add(target.id);
        yield { kind: { $case: 'target', value: jobTargetView(target) } };
      }
      if (!job || job.state !== 'finished') continue;
      yield { kind: { $case: 'job', value: jobView(job, targets) } };
      return;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    unsubscribe();
  }
}
