import { GetJobRequest, JobServiceService, type GetJobResponse, type Job, type JobTarget } from '@wombat/proto/control';
import type { Control } from '../../control/control.js';
import { eachPage } from '../../control/paging.js';

/** A job with all its targets, as many pages as they take. */
export async function wholeJob(control: Control, reference: string): Promise<GetJobResponse> {
  let last: Job | undefined;
  const targets: JobTarget[] = [];
  for await (const { job, page } of pagesOf(control, reference)) {
    last = job;
    targets.push(...page);
  }
  return { job: last, targets, page: undefined };
}

/** The targets of a job in the order of their names, a page at a time; or one of them. */
export async function* pagesOf(control: Control, job: string, target = ''): AsyncGenerator<{ readonly job: Job; readonly page: readonly JobTarget[] }> {
  let last: Job | undefined;
  const ask = async (page: GetJobRequest['page']): Promise<{ items: readonly JobTarget[]; page: GetJobResponse['page'] }> => {
    const answer = await control.call(JobServiceService.getJob, GetJobRequest.fromPartial({ job, target, page }));
    last = answer.job;
    return { items: answer.targets, page: answer.page };
  };
  for await (const page of eachPage(ask, { orderBy: 'name' })) yield { job: last!, page };
}
