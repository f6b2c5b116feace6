import { GetJobResponse } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { flag } from '../../options.js';
import { tellStop } from './hold.js';
import { printOutcomes } from './outcomes.js';
import { jobEntries } from './view.js';
import { wholeJob } from './whole-job.js';

export const jobShow = defineCommand({
  description: 'The command, and the outcome and output of each target.',
  examples: [
    { command: 'wo job show job-k3', explanation: 'by the beginning of its id' },
    { command: 'wo job show job-k3 -b', explanation: 'equal outcomes once' },
  ],
  arguments: { job: object('job') },
  options: { fold: flag('-b, --fold', 'show equal outcomes once, under all their names') },
  async run(runtime, { job }, { fold }) {
    const control = await runtime.control();
    const answer = await wholeJob(control, job);
    const found = answer.job!;
    await runtime.print.show(found, GetJobResponse.toJSON(answer), () => jobEntries(found, runtime.clock.now()));
    if (!runtime.print.isForPrograms && runtime.print.format !== 'name' && !runtime.flags.quiet) printOutcomes(runtime, tellStop(runtime, found, answer.targets), { fold });
  },
});
