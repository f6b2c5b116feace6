import { durationToMs, limits, WombatError } from '@wombat/proto';
import { JobServiceService, type Job as JobMessage, type Mutation } from '@wombat/proto/control';
import { principalOf } from '../../auth/identity.js';
import { outcomes, type Job, type JobTarget } from '../../domain/model/job.js';
import type { ReleaseCommand } from '../../domain/release/commands/release-command.js';
import { findObject } from '../../engine/find-object.js';
import { withCommands } from '../../engine/jobs/commands-by-release.js';
import type { JobRequest, JobService } from '../../engine/jobs/job-service.js';
import { rerunTargets } from '../../engine/jobs/rerun-targets.js';
import { withLanes } from '../../engine/jobs/target-lanes.js';
import { requireTargets, resolveTargets, type Resolution } from '../../engine/jobs/resolve-targets.js';
import type { Store } from '../../store/store.js';
import { implement, type Service } from '../service.js';
import { checkAction, withoutAction } from './check-action.js';
import { expectationOf, limitsOf } from './job-limits.js';
import { targetIdOf, targetsPage } from './job-targets.js';
import { askedFor, matchAnswers } from './match-answers.js';
import { mutate } from './mutation.js';
import { pageQuery } from './paging.js';
import type { PushedFiles } from './files/pushed-files.js';
import { jobTargetView, jobView } from './views/job-view.js';
import { watchJob } from './watch-job.js';

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
      const fields = { principal: principalOf(context.identity), action, timeoutMs, all: request.all, ...(on && { on }), ...expectation, ...(jobLimits && { limits: jobLimits }), ...(request.live && { live: true as const }) };
      return start(request.mutation, meant(requireTargets(store.read, asked), releaseCommand), fields);
    },
    async rerunJob(request, context) {
      const again = await find(request.job);
      const { id, timeoutMs, on, all = false, expect, limits: jobLimits } = again;
      const fields = {
        principal: principalOf(context.identity), action: jobs.actionOf(again), timeoutMs, all, rerunOf: id,
        ...(on && { on }), ...(expect && { expect }), ...(jobLimits && { limits: jobLimits }), ...(request.live && { live: true as const }),
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
      yield* watchJob(store, jobs, { seen: await find(request.job), isGrouped: request.grouped, isLive: request.live }, context.signal);
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
