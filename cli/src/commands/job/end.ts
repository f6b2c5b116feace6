import { Job, JobTarget } from '@wombat/proto/control';
import type { Runtime } from '../../runtime.js';
import { detachedExit, type FollowedJob } from './follow.js';
import { exitOfOutcomes, largestRemoteExit, printOutcomes, summaryLine } from './outcomes.js';

export interface JobEndOptions {
  readonly fold: boolean;
  readonly passExit: boolean;
}

/** Prints what a followed job came to and answers the exit code. */
export async function tellJob(runtime: Runtime, followed: FollowedJob, { fold, passExit }: JobEndOptions): Promise<number> {
  const { print } = runtime;
  const { job, targets } = followed;
  if (print.format === 'json' || print.format === 'yaml') await print.json({ ...(job && { job: Job.toJSON(job) }), targets: targets.map((target) => JobTarget.toJSON(target)) });
  else if (print.format !== 'jsonl') printOutcomes(runtime, targets, { fold });
  if (!job) return detachedExit;
  print.tell(print.err.dim(summaryLine(job, targets)));
  return passExit ? largestRemoteExit(targets) : exitOfOutcomes(targets);
}
