import { durationToMs, WombatError } from '@wombat/proto';
import { JobServiceService, type WatchJobResponse } from '@wombat/proto/control';
import { principalOf } from '../../auth/identity.js';
import type { Job, JobTarget } from '../../domain/model/job.js';
import { findObject } from '../../engine/find-object.js';
import type { JobService } from '../../engine/jobs/job-service.js';
import type { Store } from '../../store/store.js';
import { implement, type Service } from '../service.js';
import { mutate } from './mutation.js';
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
      const timeoutMs = durationToMs(request.timeout) ?? defaultTimeoutMs;
      if (timeoutMs <= 0) throw new WombatError('WO_INVALID_ARGUMENT', 'a command needs some time', { hint: 'give --timeout 60s or longer' });
      const asked = { principal: principalOf(context.identity), expression: request.expression, action, timeoutMs, all: request.all };
      const job = await mutate(store, request.mutation, (transaction) => jobs.insert(transaction, asked));
      return { job: request.mutation?.dryRun ? jobView(job, []) : await viewOf(await jobs.send(job)) };
    },
    async listJobs(request) {
      const page = await store.read.jobs.page(await pageQuery<'jobs'>(request.page, { state: { field: 'state' } }));
      return { jobs: await Promise.all(page.items.map(viewOf)), page: { nextPageToken: page.nextPageToken } };
    },
    async getJob(request) {
      const job = await find(request.job);
      const targets = await targetsOf(job);
      return { job: jobView(job, targets), targets: withinMessage(targets).map(jobTargetView) };
    },
    async *watchJob(request, context) {
      yield* watch(store, await find(request.job), context.signal);
    },
    async cancelJob(request) {
      const job = await find(request.job);
      if (!request.mutation?.dryRun) await jobs.cancel(job);
      return { job: await viewOf(job) };
    },
  });
}

/** Outputs past this are left out of one answer; `wo job watch` gets them one by one. */
const outputBudgetBytes = 16 * 1024 * 1024;

function withinMessage(targets: readonly JobTarget[]): JobTarget[] {
  let leftBytes = outputBudgetBytes;
  return targets.map((target) => {
    // Base64: four characters for three bytes.
    const [stdoutBytes, stderrBytes] = [target.stdout, target.stderr].map((text) => Math.floor((text.length * 3) / 4)) as [number, number];
    leftBytes -= stdoutBytes + stderrBytes;
    if (leftBytes >= 0) return target;
    return { ...target, stdout: '', stderr: '', stdoutLostBytes: target.stdoutLostBytes + stdoutBytes, stderrLostBytes: target.stderrLostBytes + stderrBytes };
  });
}

/** Every outcome once, as it comes. Outcomes are taken from the commits: a large job is read once only. */
async function* watch(store: Store, seen: Job, signal: AbortSignal): AsyncGenerator<WatchJobResponse> {
  const news: JobTarget[] = [];
  let wake = (): void => undefined;
  let finished: Job | undefined;
  const unsubscribe = store.onCommit((commit) => {
    for (const { kind, id, object } of commit.changes) {
      if (kind === 'jobTargets' && id.startsWith(`${seen.id}/`) && object) news.push(object as JobTarget);
      if (kind === 'jobs' && id === seen.id && object && (object as Job).state === 'finished') finished = object as Job;
    }
    if (news.length > 0 || finished) wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    // A finished job is told last, after its outcomes: whoever watches ends there.
    if (seen.state !== 'finished') yield { kind: { $case: 'job', value: jobView(seen, []) } };
    const outcomes = new Map<string, Pick<JobTarget, 'outcome'>>();
    const [stored, targets] = await Promise.all([store.read.jobs.get(seen.id), store.read.jobTargets.find({ jobId: seen.id })]);
    if (stored?.state === 'finished') finished = stored;
    news.unshift(...targets);
    while (!signal.aborted) {
      for (let target = news.shift(); target; target = news.shift()) {
        if (target.outcome === undefined || outcomes.has(target.id)) continue;
        outcomes.set(target.id, { outcome: target.outcome });
        yield { kind: { $case: 'target', value: jobTargetView(target) } };
      }
      // The job ends in the commit of its last outcome: none can come after it.
      if (finished && news.length === 0) {
        yield { kind: { $case: 'job', value: jobView(finished, [...outcomes.values()]) } };
        return;
      }
      if (news.length === 0 && !signal.aborted) await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    unsubscribe();
  }
}
