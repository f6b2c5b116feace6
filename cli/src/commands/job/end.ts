import { Job, JobTarget } from '@wombat/proto/control';
import type { Runtime } from '../../runtime.js';
import { idOf } from '../../control/names.js';
import { flag } from '../../options.js';
import { detachedExit, followJob } from './follow.js';
import { isPaused, tellPause, tellStop } from './hold.js';
import { exitOfOutcomes, largestRemoteExit, printFailures, printOutcomes, summaryLine } from './outcomes.js';

export interface JobEndOptions {
  readonly fold: boolean;
  readonly passExit: boolean;
}

/** Of every command that waits for a job. */
export const jobEndOptions = {
  fold: flag('-b, --fold', 'show equal outcomes once, under all their names'),
  passExit: flag('--pass-exit', 'exit with the code of the remote command, the largest when there are many'),
};

/** Of every command that makes one. */
export const detachJobOption = { detach: flag('--detach', 'do not wait: print the id of the job') };

/** Whether lines are shown as they come. */
export function showsLive({ print }: Runtime, { fold, detach = false }: { readonly fold: boolean; readonly detach?: boolean }): boolean {
  return !fold && !detach && !print.isForPrograms;
}

/** Waits for a job that was made a moment ago, or tells its id alone. */
export async function endOf(runtime: Runtime, job: Job, { json, detach, ...options }: JobEndOptions & { readonly json: unknown; readonly detach: boolean }): Promise<number> {
  const id = idOf(job);
  if (detach) {
    await runtime.print.created({ id, json, line: `job ${id} is running`, next: `wo job watch ${id}` });
    return 0;
  }
  if (runtime.flags.verbose) runtime.print.tell(`job ${id} on ${job.targetCount} targets`);
  return watchedJob(runtime, job, options);
}

/** Follows a job, prints what it comes to and answers the exit code. */
export async function watchedJob(runtime: Runtime, watched: Job, { fold, passExit }: JobEndOptions): Promise<number> {
  const { print } = runtime;
  const showsLines = showsLive(runtime, { fold });
  const { job, targets } = await followJob(runtime, watched, { showsLines });
  if (print.format === 'json' || print.format === 'yaml') await print.json({ ...(job && { job: Job.toJSON(job) }), targets: targets.map((target) => JobTarget.toJSON(target)) });
  else if (showsLines) printFailures(runtime, idOf(watched), tellStop(runtime, job, targets));
  else if (print.format !== 'jsonl') printOutcomes(runtime, tellStop(runtime, job, targets), { fold });
  if (!job) return detachedExit;
  if (isPaused(job)) {
    tellPause(runtime, job);
    return detachedExit;
  }
  print.tell(print.err.dim(summaryLine(job, targets)));
  return passExit ? largestRemoteExit(targets) : exitOfOutcomes(targets, job.stopped !== undefined);
}
