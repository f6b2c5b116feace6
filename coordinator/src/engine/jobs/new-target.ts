import { quoted, WombatError } from '@wombat/proto';
import type { JobTarget, Lanes } from '../../domain/model/job.js';
import type { NewObject } from '../../store/store.js';
import { storedError } from '../events.js';
import type { CommandsByRelease } from './commands-by-release.js';
import { noSession } from './job-sender.js';
import { runs, type JobTargetRef } from './job-target-ref.js';

export interface TargetRules {
  /** Also on nodes that do not run. */
  readonly all: boolean;
  /** Those whose hosts are away are passed over. */
  readonly expectsPresent: boolean;
  /** They wait until the limits of the job let them go. */
  readonly isHeld: boolean;
  readonly lanes: ReadonlyMap<string, Lanes> | undefined;
  /** What each release means by the command of the job. */
  readonly commands: CommandsByRelease | undefined;
  readonly isConnected: (hostId: string) => boolean;
  readonly now: number;
}

/** A node whose process is not there is passed over, unless the request wants all. */
export function newTarget(target: JobTargetRef, rules: TargetRules): Omit<NewObject<JobTarget>, 'id' | 'jobId'> {
  const { targetId, targetName, hostId } = target;
  const lanes = rules.lanes?.get(targetId);
  const releaseId = rules.commands && target.kind === 'node' ? target.releaseId : undefined;
  const notAsked = whyNotAsked(target, rules);
  return {
    name: targetName, generation: 1, observedGeneration: 0, targetId, hostId, stdout: '', stderr: '', stdoutLostBytes: 0, stderrLostBytes: 0,
    ...(lanes && { lanes }),
    ...(releaseId !== undefined && { releaseId }),
    ...(notAsked ? { ...notAsked, finishedAt: rules.now } : rules.isHeld && { held: true }),
  };
}

function whyNotAsked(target: JobTargetRef, rules: TargetRules): Pick<JobTarget, 'outcome' | 'error'> | undefined {
  const passedOver = whyPassedOver(target, rules);
  if (passedOver) return { outcome: 'skipped', error: storedError(passedOver) };
  const refusal = target.kind === 'node' ? rules.commands?.refusals.get(target.releaseId) : undefined;
  // A release that lacks the command is one that is not meant; one that has it takes other arguments.
  return refusal && { outcome: refusal.code === 'WO_COMMAND_UNKNOWN' ? 'skipped' : 'rejected', error: storedError(refusal) };
}

function whyPassedOver(target: JobTargetRef, { all, expectsPresent, isConnected }: TargetRules): WombatError | undefined {
  if (!all && !runs(target)) return notRunning(target.targetName, target.phase);
  return expectsPresent && !isConnected(target.hostId) ? noSession(target.hostId) : undefined;
}

export function notRunning(name: string, phase: string): WombatError {
  return new WombatError('WO_NODE_NOT_RUNNING', `${name} is ${phase}`, { hint: `start it: wo node start ${quoted(name)}; or run the command all the same: wo exec --all` });
}
