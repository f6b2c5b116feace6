import { durationFromMs, groupBy, WombatError, type Clock } from '@wombat/proto';
import { ExecJob } from '@wombat/proto/agent';
import { failpoint } from '@wombat/proto/failpoints';
import type { Job, JobTarget } from '../../domain/model/job.js';
import type { Fleet } from '../../fleet/fleet.js';
import { storedError } from '../events.js';
import type { Secrets } from '../ports.js';
import type { JobEndings } from './job-endings.js';
import { actionFor } from './stored-action.js';

export interface JobSenderOptions {
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly secrets: Secrets;
  readonly endings: JobEndings;
  /** Whether the coordinator has just started, so that hosts without a session are expected in a moment. */
  readonly gathersHosts: () => boolean;
}

/** How often it is looked whether hosts are still awaited. */
const awaitedEveryMs = 250;

/** Puts jobs on the wire; a target whose host has no session ends there, unless the host is expected in a moment. */
export class JobSender {
  readonly #options: JobSenderOptions;
  /** Targets that were not reached and whose outcome is being written: they are not sent any more. */
  readonly #unreached = new Set<string>();
  /** Of jobs: targets that were sent nowhere yet, and go out when their hosts come. */
  readonly #awaited = new Map<string, Map<string, JobTarget>>();

  constructor(options: JobSenderOptions) {
    this.#options = options;
  }

  /** `releaseId`: whose command it is, where the job is one of releases. */
  encode(job: Job, releaseId = ''): Uint8Array {
    return ExecJob.encode({ jobId: job.id, action: actionFor(job, releaseId, this.#options.secrets), timeout: durationFromMs(job.timeoutMs), outputLimitBytes: 0n, live: job.live === true }).finish();
  }

  async send(job: Job, targets: readonly JobTarget[]): Promise<void> {
    const { fleet, gathersHosts } = this.#options;
    await failpoint('coordinator.exec.before-send');
    const unreachable = new Set(this.#frames(job, targets).flatMap(([frame, byHost]) => fleet.sendExec(frame, byHost)));
    await failpoint('coordinator.exec.after-send');
    if (unreachable.size === 0) return;
    const missed = targets.filter((target) => unreachable.has(target.hostId));
    if (!gathersHosts()) return this.#end(missed);
    // Those whose host has come since then were sent to it.
    const absent = missed.filter(({ hostId }) => !fleet.isConnected(hostId));
    if (absent.length > 0) this.#awaited.set(job.id, new Map(absent.map((target) => [target.id, target])));
  }

  /** Ends what waits for hosts that are not expected any more. Answers in how many milliseconds to look again. */
  async look(job: Job, isOver: boolean): Promise<number> {
    const awaited = this.#awaited.get(job.id);
    if (!isOver && !job.cancelledAt && this.#options.gathersHosts()) return awaitedEveryMs;
    this.#awaited.delete(job.id);
    if (awaited) await this.#end([...awaited.values()]);
    return Infinity;
  }

  async #end(missed: readonly JobTarget[]): Promise<void> {
    const { clock, endings } = this.#options;
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
    for (const [frame, byHost] of this.#frames(job, open)) {
      if (this.#options.fleet.sendExec(frame, byHost).length === 0) this.#awaitNoMore(job.id, open);
    }
  }

  #awaitNoMore(jobId: string, targets: readonly JobTarget[]): void {
    const awaited = this.#awaited.get(jobId);
    for (const { id } of targets) awaited?.delete(id);
    if (awaited?.size === 0) this.#awaited.delete(jobId);
  }

  cancel(job: Job, targets: readonly JobTarget[]): void {
    for (const [hostId, targetIds] of targetsByHost(targets.filter(({ held }) => !held))) this.#options.fleet.cancelExec(hostId, job.id, targetIds);
  }

  /** The job is encoded once, and once for each release where these mean different things by it. */
  #frames(job: Job, targets: readonly JobTarget[]): [frame: Uint8Array, byHost: Map<string, readonly string[]>][] {
    return [...groupBy(targets, ({ releaseId = '' }) => releaseId)].map(([releaseId, alike]) => [this.encode(job, releaseId), targetsByHost(alike)]);
  }
}

export function noSession(hostId: string): WombatError {
  return new WombatError('WO_HOST_UNREACHABLE', 'the agent of the host had no session, so the command was not sent', { hint: `see since when: wo host show ${hostId}` });
}

function targetsByHost(targets: readonly JobTarget[]): Map<string, readonly string[]> {
  return new Map([...groupBy(targets, ({ hostId }) => hostId)].map(([hostId, onHost]) => [hostId, onHost.map(({ targetId }) => targetId)]));
}
