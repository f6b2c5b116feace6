import { backoffMs, exitCodes, WombatError } from '@wombat/proto';
import { CancelJobRequest, JobServiceService, JobState, JobTarget, WatchJobRequest, type Job, type JobOutput, type WatchJobResponse } from '@wombat/proto/control';
import type { Control } from '../../control/control.js';
import { newMutation } from '../../control/mutation.js';
import { idOf } from '../../control/names.js';
import { Interrupts, type InterruptActions } from '../../progress/interrupts.js';
import { Interrupted, type Runtime } from '../../runtime.js';
import { ask } from '../confirm.js';
import { isPaused } from './hold.js';
import { Meter } from './meter.js';
import { TargetLines } from './target-lines.js';

/** What came of following a job: to its end, or until it pauses; without `job` it still runs. */
export interface FollowedJob {
  readonly job?: Job;
  readonly targets: readonly JobTarget[];
}

class Detached extends Error {}

const patienceMs = 60_000;

export interface FollowOptions {
  /** Outputs are shown as they come; otherwise they are answered, for whoever shows them together. */
  readonly showsLines: boolean;
}

/** Takes the outcome of each target until all have one, or nobody lets it go on; Ctrl-C as the contract of `wo` says. */
export async function followJob(runtime: Runtime, job: Job, { showsLines }: FollowOptions): Promise<FollowedJob> {
  const control = await runtime.control();
  const targets = new Map<string, JobTarget>();
  const keepsOutput = !showsLines && runtime.print.format !== 'jsonl';
  const stop = new AbortController();
  const meter = new Meter(runtime, job.targetCount);
  const lines = new TargetLines({ runtime, signal: stop.signal, beforeWriting: () => meter.clear() });
  const giveBack = runtime.takeSignals();
  const interrupts = new Interrupts(runtime.io, runtime.clock, actionsFor(runtime, control, idOf(job), meter, stop));
  /** What is told again after the connection was lost was seen. */
  const ended = async (target: JobTarget): Promise<void> => {
    if (targets.has(target.targetId)) return;
    targets.set(target.targetId, keepsOutput ? target : withoutOutput(target));
    meter.ended(target);
    if (runtime.print.format === 'jsonl') runtime.print.data(JSON.stringify(JobTarget.toJSON(target)));
    if (showsLines) await lines.ended(target);
  };
  try {
    const finished = await watch(runtime, control, job, { ended, ...(showsLines && { wrote: (output) => lines.wrote(output) }) }, stop.signal);
    await lines.flush();
    return { job: finished, targets: [...targets.values()] };
  } catch (error) {
    if (!(error instanceof Detached)) throw error;
    await lines.flush();
    meter.close();
    runtime.print.warn(`still running; \`wo job watch ${idOf(job)}\`, \`wo job cancel ${idOf(job)}\``);
    return { targets: [...targets.values()] };
  } finally {
    meter.close();
    interrupts.close();
    giveBack();
  }
}

function withoutOutput(target: JobTarget): JobTarget {
  return { ...target, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
}

export const detachedExit = exitCodes.stillRunning;

interface Watcher {
  ended(target: JobTarget): Promise<void>;
  /** Where it wants to know what commands write that still run. */
  readonly wrote?: (output: JobOutput) => Promise<void>;
}

async function watch(runtime: Runtime, control: Control, job: Job, { ended, wrote }: Watcher, signal: AbortSignal): Promise<Job> {
  let silentSince = runtime.clock.monotonic();
  for (let attempt = 0; ; attempt++) {
    try {
      for await (const message of control.stream(JobServiceService.watchJob, WatchJobRequest.fromPartial({ job: idOf(job), grouped: true, live: wrote !== undefined }), { signal })) {
        attempt = 0;
        silentSince = runtime.clock.monotonic();
        for (const target of endedIn(message)) await ended(target);
        if (message.kind?.$case === 'output') await wrote?.(message.kind.value);
        if (message.kind?.$case === 'job' && (message.kind.value.state === JobState.FINISHED || isPaused(message.kind.value))) return message.kind.value;
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const mayPass = WombatError.is(error) && (error.code === 'WO_COORDINATOR_UNREACHABLE' || error.code === 'WO_UNAVAILABLE');
      if (!mayPass || runtime.clock.monotonic() - silentSince > patienceMs) throw error;
    }
    await runtime.clock.sleep(backoffMs(attempt, { initialMs: 200, maximumMs: 2_000 }), signal);
  }
}

/** A coordinator of an earlier version tells them one by one. */
function endedIn({ kind }: WatchJobResponse): readonly JobTarget[] {
  if (kind?.$case === 'targets') return kind.value.targets;
  return kind?.$case === 'target' ? [kind.value] : [];
}

function actionsFor(runtime: Runtime, control: Control, id: string, meter: Meter, stop: AbortController): InterruptActions {
  return {
    warn: () => {
      meter.clear();
      runtime.print.tell(`\nleaving ${id} running; Ctrl-C again within 2 s to cancel it`);
    },
    detach: () => stop.abort(new Detached()),
    abandon: () => stop.abort(new Interrupted()),
    askToCancel: async () => {
      if (runtime.flags.yes) return true;
      const answer = await meter.paused(() => ask(runtime, `cancel ${id}? [y/N] `, stop.signal));
      return answer === undefined || /^y(es)?$/i.test(answer.trim());
    },
    cancel: async () => {
      await control.call(JobServiceService.cancelJob, CancelJobRequest.fromPartial({ mutation: newMutation(), job: id }));
    },
  };
}
