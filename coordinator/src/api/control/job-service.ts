import { durationToMs, limits, WombatError } from '@wombat/proto';
import { JobServiceService, type Job as JobMessage, type Mutation, type WatchJobResponse } from '@wombat/proto/control';
import { principalOf } from '../../auth/identity.js';
import { outcomes, type Job, type JobTarget } from '../../domain/model/job.js';
import type { ReleaseCommand } from '../../domain/release/commands/release-command.js';
import { findObject } from '../../engine/find-object.js';
import { isPaused } from '../../domain/jobs/is-paused.js';
import { withCommands } from '../../engine/jobs/commands-by-release.js';
import type { JobRequest, JobService } from '../../engine/jobs/job-service.js';
import { rerunTargets } from '../../engine/jobs/rerun-targets.js';
import { withLanes } from '../../engine/jobs/target-lanes.js';
import { requireTargets, resolveTargets, type Resolution } from '../../engine/jobs/resolve-targets.js';
import type { Store } from '../../store/store.js';
import { implement, type Service } from '../service.js';
import { checkAction, withoutAction } from './check-action.js';
import { expectationOf, limitsOf } from './job-limits.js';
import { endedTargets, targetIdOf, targetsPage } from './job-targets.js';
import { askedFor, matchAnswers } from './match-answers.js';
import { mutate } from './mutation.js';
import { pageQuery } from './paging.js';
import type { PushedFiles } from './files/pushed-files.js';
import { jobTargetView, jobView } from './views/job-view.js';

export interface JobApiOptions {
  readonly store: Store;
  readonly jobs: JobService;
  readonly files: Pick<PushedFiles, 'keepFor'>;
}

const defaultTimeoutMs = 60_000;

export function jobApiService({ store, jobs, files }: JobApiOptions): Service {
  const find = (reference: string): Promise<Job> => findObject(store.read, 'jobs', reference);
  const viewOf = async (job: Job): Promise<JobMessage> => jobView(job, await store.read.jobTargets.countBy('outcome', { jobId: job.id }), await jobs.holdOf(job));
  /** A request that was carried out before is answered again, whatever is there by now: what was resolved matters only where a job is made. */
  const start = async (mutation: Mutation | undefined, resolving: Promise<Resolution>, fields: Omit<JobRequest, 'resolution'>): Promise<{ job: JobMessage }> => {
    const [resolved, kept] = await Promise.allSettled([resolving.then((resolution) => withLanes(store.read, resolution, fields.limits?.per)), files.keepFor(fields.action)]);
    let targets: readonly JobTarget[] | undefined;
    const job = await mutate(store, mutation, async (transaction) => {
      if (resolved.status === 'rejected') throw resolved.reason;
      if (kept.status === 'rejected') throw kept.reason;
      const made = await jobs.insert(transaction, { ...fields, resolution: resolved.value });
      targets = made.targets;
      return made.job;
    });
    return { job: mutation?.dryRun ? jobView(job, {}) : await viewOf(await jobs.send(job, targets)) };
  };
  const meant = async (resolving: Promise<Resolution>, command: ReleaseCommand | undefined): Promise<Resolution> =>
    command ? withCommands(store.read, await resolving, command) : resolving;
  return implement(JobServiceService, {
    async *matchTargets(request) {
      yield* matchAnswers(store.read, await resolveTargets(store.read, askedFor(request)));
    },
    async createJob(request, context) {
      const { releaseCommand } = request;
      const action = releaseCommand ? withoutAction(request.action) : checkAction(request.action);
      const timeoutMs = durationToMs(request.timeout) ?? defaultTimeoutMs;
      if (timeoutMs <= 0) throw new WombatError('WO_INVALID_ARGUMENT', 'a command needs some time', { hint: 'give --timeout 60s or longer' });
      const [asked, jobLimits, expectation] = [askedFor(request), limitsOf(request.limits), expectationOf(request.expect)];
      const { on } = asked;
      const fields = { principal: principalOf(context.identity), action, timeoutMs, all: request.all, ...(on && { on }), ...expectation, ...(jobLimits && { limits: jobLimits }) };
      return start(request.mutation, meant(requireTargets(store.read, asked), releaseCommand), fields);
    },
    async rerunJob(request, context) {
      const again = await find(request.job);
      const { id, timeoutMs, on, all = false, expect, limits: jobLimits } = again;
      const fields = {
        principal: principalOf(context.identity), action: jobs.actionOf(again), timeoutMs, all, rerunOf: id,
        ...(on && { on }), ...(expect && { expect }), ...(jobLimits && { limits: jobLimits }),
      };
      return start(request.mutation, meant(rerunTargets(store.read, again, request.failedOnly), again.command), fields);
    },
    async listJobs(request) {
      const page = await store.read.jobs.page(await pageQuery<'jobs'>(request.page, { state: { field: 'state', values: ['running', 'finished'] } }));
      return { jobs: await Promise.all(page.items.map(viewOf)), page: { nextPageToken: page.nextPageToken } };
    },
    async getJob(request) {
      const job = await find(request.job);
      const page = request.page?.pageSize ? request.page : { pageToken: '', filter: '', orderBy: '', ...request.page, pageSize: limits.pageSizeMaximum };
      const targetId = request.target && (await targetIdOf(store.read, job, request.target));
      const query = await pageQuery<'jobTargets'>(page, { outcome: { field: 'outcome', values: outcomes } }, { jobId: job.id, ...(targetId && { targetId }) });
      const { items, nextPageToken } = await targetsPage(store.read, query);
      return { job: await viewOf(job), targets: items.map(jobTargetView), page: { nextPageToken } };
    },
    async *watchJob(request, context) {
      yield* watch(store, jobs, await find(request.job), context.signal);
    },
    async cancelJob(request) {
      const job = await find(request.job);
      if (!request.mutation?.dryRun) await jobs.cancel(job);
      return { job: await viewOf(job) };
    },
    async resumeJob(request) {
      const job = await find(request.job);
      return { job: await viewOf(await mutate(store, request.mutation, (transaction) => jobs.resume(transaction, job))) };
    },
  });
}

/** Every outcome once, as it comes. Outcomes are taken from the commits: a large job is read once only. */
async function* watch(store: Store, jobs: JobService, seen: Job, signal: AbortSignal): AsyncGenerator<WatchJobResponse> {
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
