import { Job, JobServiceService, ListJobsRequest } from '@wombat/proto/control';
import { defineCommand } from '../../command.js';
import { allPages, filterOf } from '../../control/paging.js';
import { oneOf } from '../../options.js';
import { listOptions } from '../common.js';
import { jobColumns } from './view.js';

const states = ['running', 'finished'] as const;

export const jobList = defineCommand({
  description: 'The commands that were sent to many nodes or hosts, and their outcomes. The newest come first.',
  examples: [
    { command: 'wo job list --limit 10', explanation: 'the last ten' },
    { command: 'wo job list --state running -q', explanation: 'ids of those that run' },
  ],
  arguments: {},
  options: { state: oneOf('--state <state>', `one of ${states.join(', ')}`, states), ...listOptions },
  async run(runtime, _, { state, limit = 50, orderBy = 'created_at desc' }) {
    const control = await runtime.control();
    const items = await allPages(async (page) => {
      const answer = await control.call(JobServiceService.listJobs, ListJobsRequest.fromPartial({ page }));
      return { items: answer.jobs, page: answer.page };
    }, { filter: filterOf({ state }), limit, orderBy });
    await runtime.print.list({ items, columns: jobColumns(runtime.clock.now()), key: 'jobs', toJson: Job.toJSON, nothing: 'no such jobs; begin with: wo exec FAMILY -- COMMAND' });
  },
});
