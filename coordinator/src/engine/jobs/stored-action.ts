import { Action, CommandSettings, type Command } from '@wombat/proto/types';
import type { Job } from '../../domain/model/job.js';
import type { Secrets } from '../ports.js';

interface Sealed {
  readonly sealed?: string;
}

/** An action as JSON for the store. What its command was given in secret is sealed beside it; the names stay. */
export function storedAction(jobId: string, action: Action, box: Secrets): unknown {
  const command = commandOf(action);
  const { secrets = {}, stdin = new Uint8Array() } = command?.settings ?? {};
  if (!command?.settings || (stdin.length === 0 && Object.keys(secrets).length === 0)) return Action.toJSON(action);
  const names = Object.fromEntries(Object.keys(secrets).map((name) => [name, '']));
  const open = withSettings(command, { ...command.settings, stdin: Buffer.alloc(0), secrets: names });
  const hidden = CommandSettings.encode(CommandSettings.fromPartial({ secrets, stdin: Buffer.from(stdin) })).finish();
  return { ...(Action.toJSON(open) as object), sealed: box.seal(jobId, hidden) };
}

/** What a target is to run: as it was asked for, or what its release means by it. */
export function actionFor(job: Pick<Job, 'id' | 'action' | 'command'>, releaseId: string, box: Secrets): Action {
  return job.command ? Action.fromJSON(job.command.actions[releaseId]) : openedAction(job, box);
}

/** The action as it was asked for. */
export function openedAction({ id, action: stored }: Pick<Job, 'id' | 'action'>, box: Secrets): Action {
  const action = Action.fromJSON(stored);
  const command = commandOf(action);
  const { sealed } = stored as Sealed;
  if (!command?.settings || sealed === undefined) return action;
  const { secrets, stdin } = CommandSettings.decode(box.open(id, sealed));
  return withSettings(command, { ...command.settings, secrets, stdin });
}

function commandOf({ kind }: Action): Command | undefined {
  return kind?.$case === 'command' ? kind.value : undefined;
}

function withSettings(command: Command, settings: CommandSettings): Action {
  return { kind: { $case: 'command', value: { ...command, settings } } };
}
