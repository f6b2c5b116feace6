import { JobServiceService, ResumeJobRequest, ResumeJobResponse } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { detachJobOption, endOf, jobEndOptions } from './end.js';

export const jobResume = defineCommand({
  description: [
    'Lets a job go on that was made with --first and --pause, within its other limits, and waits for its end.',
    'Exit code: as of wo exec.',
  ].join('\n'),
  examples: [
    { command: 'wo job resume job-k3', explanation: 'the first ones were well' },
    { command: 'wo job resume job-k3 --detach', explanation: 'without waiting' },
  ],
  arguments: { job: object('job') },
  options: { ...jobEndOptions, ...detachJobOption },
  async run(runtime, { job }, options) {
    const control = await runtime.control();
    const answer = await control.call(JobServiceService.resumeJob, ResumeJobRequest.fromPartial({ mutation: newMutation(), job }));
    return endOf(runtime, answer.job!, { json: ResumeJobResponse.toJSON(answer), ...options });
  },
});
