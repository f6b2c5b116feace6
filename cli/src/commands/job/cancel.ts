import { CancelJobRequest, CancelJobResponse, JobServiceService } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';

export const jobCancel = defineCommand({
  description: 'Ends the command on every target where it still runs. Targets that it was not sent to yet are skipped.',
  examples: [
    { command: 'wo job cancel job-k3', explanation: 'by the beginning of its id' },
    { command: 'wo job list --state running -q | xargs -n1 wo job cancel', explanation: 'all that run' },
  ],
  arguments: { job: object('job') },
  options: {},
  async run(runtime, { job }) {
    const control = await runtime.control();
    const answer = await control.call(JobServiceService.cancelJob, CancelJobRequest.fromPartial({ mutation: newMutation(), job }));
    await runtime.print.done(`job ${job} is being cancelled`, CancelJobResponse.toJSON(answer));
  },
});
