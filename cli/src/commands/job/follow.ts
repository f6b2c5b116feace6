import { backoffMs, exitCodes, WombatError } from '@wombat/proto';
import { CancelJobRequest, JobServiceService, JobState, WatchJobRequest, WatchJobResponse, type Job, type JobTarget } from '@wombat/proto/control';
import type { Control } from '../../control/control.js';
import { newMutation } from '../../control/mutation.js';
import { idOf } from '../../control/names.js';
import { count } from '../../output/words.js';
import { Interrupts, type InterruptActions } from '../../progress/interrupts.js';
import { Interrupted, type Runtime } from '../../runtime.js';
import { isLive } from '../../terminal/io.js';
import { ask } from '../confirm.js';
import { isPaused } from './hold.js';

/** What came of following a job: to its end, or until it pauses; without `job` it still runs. */
export interface FollowedJob {
  readonly job?: Job;
  readonly targets: readonly JobTarget[];
}

class Detached extends Error {}

const patienceMs = 60_000;

/** Gathers the outcome of each target until all have one, or nobody lets it go on; Ctrl-C as the contract of `wo` says. */
export async function followJob(runtime: Runtime, job: Job): Promise<FollowedJob> {
  const control = await runtime.control();
  const targets = new Map<string, JobTarget>();
  const stop = new AbortController();
  const meter = new Meter(runtime, job);
  const giveBack = runtime.takeSignals();
  const interrupts = new Interrupts(runtime.io, runtime.clock, actionsFor(runtime, control, idOf(job), stop));
  try {
    const finished = await watch(runtime, control, job, targets, meter, stop.signal);
    return { job: finished, targets: [...targets.values()] };
  } catch (error) {
    if (!(error instanceof Detached)) throw error;
    meter.clear();
    runtime.print.warn(`still running; \`wo job watch ${idOf(job)}\`, \`wo job cancel ${idOf(job)}\``);
    return { targets: [...targets.values()] };
  } finally {
    meter.clear();
    interrupts.close();
    giveBack();
  }
}

export const detachedExit = exitCodes.stillRunning;

async function watch(runtime: Runtime, control: Control, job: Job, targets: Map<string, JobTarget>, meter: Meter, signal: AbortSignal): Promise<Job> {
  let silentSince = runtime.clock.monotonic();
  for (let attempt = 0; ; attempt++) {
    try {
      for await (const message of control.stream(JobServiceService.watchJob, WatchJobRequest.fromPartial({ job: idOf(job) }), { signal })) {
        attempt = 0;
        silentSince = runtime.clock.monotonic();
        if (runtime.print.format === 'jsonl') runtime.print.data(JSON.stringify(WatchJobResponse.toJSON(message)));
        if (message.kind?.$case === 'target') targets.set(message.kind.value.targetId, message.kind.value);
        meter.show(targets.size);
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

function actionsFor(runtime: Runtime, control: Control, id: string, stop: AbortController): InterruptActions {
  return {
    warn: () => runtime.print.tell(`\nleaving ${id} running; Ctrl-C again within 2 s to cancel it`),
    detach: () => stop.abort(new Detached()),
    abandon: () => stop.abort(new Interrupted()),
    askToCancel: async () => {
      if (runtime.flags.yes) return true;
      const answer = await ask(runtime, `cancel ${id}? [y/N] `, stop.signal);
      return answer === undefined || /^y(es)?$/i.test(answer.trim());
    },
    cancel: async () => {
      await control.call(JobServiceService.cancelJob, CancelJobRequest.fromPartial({ mutation: newMutation(), job: id }));
    },
  };
}

/** "3 of 50 targets" on a terminal, written over. */
class Meter {
  readonly #runtime: Runtime;
  readonly #total: number;
  readonly #isShown: boolean;
  #isDirty = false;

  constructor(runtime: Runtime, job: Job) {
    this.#runtime = runtime;
    this.#total = job.targetCount;
    this.#isShown = !runtime.flags.quiet && isLive(runtime.io.stderr, runtime.io.env);
  }

  show(done: number): void {
    if (!this.#isShown) return;
    this.#runtime.io.stderr.write(`\r\x1b[K${done} of ${count(this.#total, 'target')}`);
    this.#isDirty = true;
  }

  clear(): void {
    if (this.#isDirty) this.#runtime.io.stderr.write('\r\x1b[K');
    this.#isDirty = false;
  }
}
