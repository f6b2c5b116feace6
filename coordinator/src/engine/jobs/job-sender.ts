import { durationFromMs, groupBy, WombatError, type Clock } from '@wombat/proto';
import { ExecJob } from '@wombat/proto/agent';
import { failpoint } from '@wombat/proto/failpoints';
import type { Job, JobTarget } from '../../domain/model/job.js';
import type { Fleet } from '../../fleet/fleet.js';
import { storedError } from '../events.js';
import type { Secrets } from '../ports.js';
import type { JobEndings } from './job-endings.js';
import { openedAction } from './stored-action.js';

export interface JobSenderOptions {
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly secrets: Secrets;
  readonly endings: JobEndings;
}

/** Puts jobs on the wire; a target whose host has no session ends there. */
export class JobSender {
  readonly #options: JobSenderOptions;
  /** Targets that were not reached and whose outcome is being written: they are not sent any more. */
  readonly #unreached = new Set<string>();

  constructor(options: JobSenderOptions) {
    this.#options = options;
  }

  encode(job: Job): Uint8Array {
    return ExecJob.encode({ jobId: job.id, action: openedAction(job, this.#options.secrets), timeout: durationFromMs(job.timeoutMs), outputLimitBytes: 0n }).finish();
  }

  async send(job: Job, targets: readonly JobTarget[]): Promise<void> {
    const { fleet, clock, endings } = this.#options;
    await failpoint('coordinator.exec.before-send');
    const unreachable = new Set(fleet.sendExec(this.encode(job), targetsByHost(targets)));
    await failpoint('coordinator.exec.after-send');
    if (unreachable.size === 0) return;
    const missed = targets.filter((target) => unreachable.has(target.hostId));
    const finishedAt = clock.now();
    for (const { id } of missed) this.#unreached.add(id);
    try {
      await endings.write(missed.map(({ id, hostId }) => ({ id, hostId, fields: { outcome: 'unreachable_before_send', error: storedError(noSession(hostId)), finishedAt } })));
    } finally {
      for (const { id } of missed) this.#unreached.delete(id);
    }
  }

  /** To one host that may have them already: it runs each at most once. */
  resend(job: Job, hostId: string, targets: readonly JobTarget[]): void {
    const open = targets.filter((target) => target.hostId === hostId && !target.held && !this.#unreached.has(target.id));
    if (open.length > 0) this.#options.fleet.sendExec(this.encode(job), new Map([[hostId, open.map((target) => target.targetId)]]));
  }

  cancel(job: Job, targets: readonly JobTarget[]): void {
    for (const [hostId, targetIds] of targetsByHost(targets.filter(({ held }) => !held))) this.#options.fleet.cancelExec(hostId, job.id, targetIds);
  }
}

export function noSession(hostId: string): WombatError {
  return new WombatError('WO_HOST_UNREACHABLE', 'the agent of the host had no session, so the command was not sent', { hint: `see since when: wo host show ${hostId}` });
}

function targetsByHost(targets: readonly JobTarget[]): Map<string, readonly string[]> {
  return new Map([...groupBy(targets, ({ hostId }) => hostId)].map(([hostId, onHost]) => [hostId, onHost.map(({ targetId }) => targetId)]));
}
