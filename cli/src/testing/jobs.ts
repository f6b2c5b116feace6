import type { ExitStatus, Outcome } from '@wombat/proto/agent';
import { Job, JobState, JobTarget, type CreateJobRequest, type WatchJobResponse } from '@wombat/proto/control';
import type { Test } from 'tap';
import { FakeCoordinator } from './fake-coordinator.js';
import { metadata, startedAt } from './objects.js';

/** One that has ended a tenth of a second after its start. */
export function target(name: string, outcome: Outcome, stdout = '', more: Partial<JobTarget> = {}): JobTarget {
  return JobTarget.fromPartial({
    targetId: `node-${name}`, targetName: name, outcome, stdout: Buffer.from(stdout),
    startedAt, finishedAt: new Date(startedAt.getTime() + 100), ...more,
  } as Parameters<typeof JobTarget.fromPartial>[0]);
}

export const code = (value: number): ExitStatus => ({ kind: { $case: 'code', value } });
export const job = (state: JobState, count: number): Job => Job.fromPartial({
  metadata: metadata('job-aaaaaaaaaaaa'), state, targetCount: count, ...(state === JobState.FINISHED && { finishedAt: new Date(startedAt.getTime() + 400) }),
});

/** Answers a job with these targets, made or watched. */
export async function coordinator(t: Test, targets: readonly JobTarget[]): Promise<{ fake: FakeCoordinator; requests: CreateJobRequest[] }> {
  const fake = await FakeCoordinator.start();
  const requests: CreateJobRequest[] = [];
  t.teardown(() => fake.stop());
  fake.handlers = {
    createJob: (request) => (requests.push(request), { job: job(JobState.RUNNING, targets.length) }),
    getJob: () => ({ job: job(JobState.RUNNING, targets.length), targets: [], page: undefined }),
    watchJob: async function* (): AsyncGenerator<WatchJobResponse> {
      yield { kind: { $case: 'job', value: job(JobState.RUNNING, targets.length) } };
      for (const value of targets) yield { kind: { $case: 'target', value } };
      yield { kind: { $case: 'job', value: job(JobState.FINISHED, targets.length) } };
    },
  };
  return { fake, requests };
}
