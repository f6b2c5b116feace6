import { JobServiceService, RerunJobRequest, RerunJobResponse } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { flag } from '../../options.js';
import { detachJobOption, endOf, jobEndOptions, showsLive } from './end.js';

export const jobRerun = defineCommand({
  description: [
    'Runs the command of a finished job again on its targets, as a new job with the same window, groups and other limits. The expression is not asked again: nodes that match since then are not in it.',
    'Exit code: as of wo exec.',
  ].join('\n'),
  examples: [
    { command: 'wo job rerun job-k3 --failed', explanation: 'where it was not ok, nodes that were skipped among them' },
    { command: 'wo job rerun job-k3 -b', explanation: 'everywhere; equal outputs shown once' },
  ],
  arguments: { job: object('job') },
  options: { failed: flag('--failed', 'only on the targets that were not ok'), ...jobEndOptions, ...detachJobOption },
  async run(runtime, { job }, { failed, ...options }) {
    const control = await runtime.control();
    const answer = await control.call(JobServiceService.rerunJob, RerunJobRequest.fromPartial({ mutation: newMutation(), job, failedOnly: failed, live: showsLive(runtime, options) }));
    return endOf(runtime, answer.job!, { json: RerunJobResponse.toJSON(answer), ...options });
  },
});
