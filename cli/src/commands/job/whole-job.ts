import { GetJobRequest, JobServiceService, type GetJobResponse } from '@wombat/proto/control';
import type { Control } from '../../control/control.js';
import { allPages } from '../../control/paging.js';

/** A job with all its targets, as many pages as they take. */
export async function wholeJob(control: Control, job: string): Promise<GetJobResponse> {
  let last: GetJobResponse | undefined;
  const targets = await allPages(async (page) => {
    last = await control.call(JobServiceService.getJob, GetJobRequest.fromPartial({ job, page }));
    return { items: last.targets, page: last.page };
  });
  return { job: last?.job, targets, page: undefined };
}
