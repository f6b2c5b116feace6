import { WombatError } from '@wombat/proto';
import { Action } from '@wombat/proto/types';
import type { JobCommand } from '../../domain/model/job.js';
import { commandAction } from '../../domain/release/commands/command-action.js';
import type { ReleaseCommand } from '../../domain/release/commands/release-command.js';
import type { Reader } from '../../store/store.js';
import type { JobTargetRef } from './job-target-ref.js';
import type { Resolution } from './resolve-targets.js';

/** What the releases of a job's targets mean by its command. */
export interface CommandsByRelease {
  readonly stored: JobCommand;
  /** Of the others, by their ids: why they cannot run it. */
  readonly refusals: ReadonlyMap<string, WombatError>;
}

/**
 * With what each target's release means by the command: nodes of one family run different releases while it is updated.
 * @throws WombatError where no target can run it: WO_COMMAND_UNKNOWN, WO_COMMAND_ARGUMENTS; WO_INVALID_ARGUMENT for hosts
 */
export async function withCommands(read: Pick<Reader, 'releases'>, resolution: Resolution, asked: ReleaseCommand): Promise<Resolution> {
  const actions: Record<string, unknown> = {};
  const refusals = new Map<string, WombatError>();
  const ids = [...new Set(resolution.targets.map(releaseIdOf))];
  const releases = new Map((await read.releases.many(ids)).map((release) => [release.id, release]));
  for (const id of ids) {
    try {
      const release = releases.get(id);
      if (!release) throw new WombatError('WO_COMMAND_UNKNOWN', `release ${id} is not known any more`);
      actions[id] = Action.toJSON(commandAction(release, asked));
    } catch (error) {
      if (!WombatError.is(error)) throw error;
      refusals.set(id, error);
    }
  }
  // Who gives wrong arguments is told so, also where another release lacks the command.
  const [worst] = [...refusals.values()].sort((left, right) => Number(left.code === 'WO_COMMAND_UNKNOWN') - Number(right.code === 'WO_COMMAND_UNKNOWN'));
  if (Object.keys(actions).length === 0 && worst) throw worst;
  return { ...resolution, commands: { stored: { name: asked.name, arguments: asked.arguments, actions }, refusals } };
}

function releaseIdOf(target: JobTargetRef): string {
  if (target.kind === 'node') return target.releaseId;
  throw new WombatError('WO_INVALID_ARGUMENT', `${target.targetName} is a host, which runs no release`, { hint: 'name a family or nodes; what runs on a host itself: wo exec HOST -- COMMAND' });
}
