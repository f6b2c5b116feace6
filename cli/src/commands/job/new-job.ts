import { durationFromMs } from '@wombat/proto';
import { CreateJobRequest, CreateJobResponse, JobServiceService } from '@wombat/proto/control';
import type { OptionValues } from '../../command.js';
import type { Control } from '../../control/control.js';
import { newMutation } from '../../control/mutation.js';
import { flag } from '../../options.js';
import type { Runtime } from '../../runtime.js';
import { sampleOf, sampleOptions } from '../common.js';
import { limitOptions, limitsOf } from '../limits.js';
import { detachJobOption, endOf, jobEndOptions, showsLive } from './end.js';

/** Of every command that makes a job for an expression. */
export const newJobOptions = {
  ...jobEndOptions,
  ...sampleOptions,
  ...limitOptions,
  all: flag('--all', 'also on nodes that do not run; without it they are skipped'),
  ...detachJobOption,
};

export const newJobTimeoutHelp = 'the command may run so long on each target, then it is ended; 60s when left out';

type What = Partial<CreateJobRequest>;

/** Makes the job and waits for it as the options say. `what` is run where; what has to be made ready first is asked for when the options are known to be good. */
export async function newJob(runtime: Runtime, what: What | ((control: Control) => Promise<What>), { fold, passExit, detach, sample, seed, all, ...sending }: OptionValues<typeof newJobOptions>): Promise<number> {
  const limits = { ...sampleOf({ sample, seed }), ...limitsOf(sending) };
  const { timeout } = runtime.flags;
  const control = await runtime.control();
  const request = CreateJobRequest.fromPartial({ mutation: newMutation(), ...(typeof what === 'function' ? await what(control) : what), all, live: showsLive(runtime, { fold, detach }), ...limits, ...(timeout && { timeout: durationFromMs(timeout) }) });
  const answer = await control.call(JobServiceService.createJob, request);
  return endOf(runtime, answer.job!, { json: CreateJobResponse.toJSON(answer), fold, passExit, detach });
}
