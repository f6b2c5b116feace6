import { HoldReason, type Job, type JobTarget } from '@wombat/proto/control';
import { idOf } from '../../control/names.js';
import { sanitise } from '../../output/sanitise.js';
import { relative } from '../../output/time.js';
import { count } from '../../output/words.js';
import type { Runtime } from '../../runtime.js';

export function isPaused(job: Job): boolean {
  return job.hold?.reason === HoldReason.RESUME;
}

/** "90 targets, until wo job resume job-x" */
export function holdText(job: Job, nowMs: number): string {
  if (!job.hold) return '';
  return `${count(job.hold.count, 'target')}, ${untilWhen(job, nowMs)}`;
}

function untilWhen(job: Job, nowMs: number): string {
  switch (job.hold?.reason) {
    case HoldReason.RESUME:
      return `until wo job resume ${idOf(job)}`;
    case HoldReason.GROUP:
      return `until the next group begins ${relative(job.hold.nextAt, nowMs)}`;
    case HoldReason.HOSTS:
      return 'until their hosts are back';
    default:
      return 'until others have ended';
  }
}

export function tellPause(runtime: Runtime, job: Job): void {
  runtime.print.warn(`paused with ${count(job.hold?.count ?? 0, 'target')} left; go on: \`wo job resume ${idOf(job)}\`, end it: \`wo job cancel ${idOf(job)}\``);
}

/** When a job stops, thousands may be left out, each for the same reason: that is told once, and the others are answered. */
export function tellStop(runtime: Runtime, job: Job | undefined, targets: readonly JobTarget[]): readonly JobTarget[] {
  const { stopped } = job ?? {};
  if (!stopped) return targets;
  const others = targets.filter(({ error }) => error?.code !== stopped.code || error.message !== stopped.message);
  if (others.length === targets.length) return targets;
  const { print } = runtime;
  print.warn(`${print.err.dim('-')} ${count(targets.length - others.length, 'target')} skipped: ${sanitise(`${stopped.code}: ${stopped.message}`)}`);
  if (stopped.hint) print.warn(`    ${print.err.dim(`try: ${sanitise(stopped.hint)}`)}`);
  return others;
}
