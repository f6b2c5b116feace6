import { GetJobRequest, JobServiceService } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { jobEndOptions, watchedJob } from './end.js';

export const jobWatch = defineCommand({
  description: 'Shows the outputs from the first one on, waits until every target of the job has an outcome, and prints them as `wo exec` does.',
  examples: [
    { command: 'wo job watch job-k3', explanation: 'go on after Ctrl-C' },
    { command: 'wo job watch job-k3 -o jsonl', explanation: 'every outcome as it comes, as JSON' },
  ],
  arguments: { job: object('job') },
  options: jobEndOptions,
  async run(runtime, { job }, { fold, passExit }) {
    const control = await runtime.control();
    const answer = await control.call(JobServiceService.getJob, GetJobRequest.fromPartial({ job }));
    return watchedJob(runtime, answer.job!, { fold, passExit });
  },
});
