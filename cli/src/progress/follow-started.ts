import { OperationState, type Operation } from '@wombat/proto/control';
import { idOf } from '../control/names.js';
import type { Runtime } from '../runtime.js';
import { followOperation } from './follow-operation.js';

export interface StartedOptions {
  /** Do not wait. */
  readonly detach: boolean;
  /** The answer of the API with the operation in it. */
  readonly toJson: (operation: Operation) => unknown;
  readonly waitMs?: number;
}

/** What every command does that starts an operation: give its id to programs, then follow it. */
export async function followStarted(runtime: Runtime, operation: Operation, { detach, toJson, waitMs }: StartedOptions): Promise<number> {
  const { print, flags, io } = runtime;
  const id = idOf(operation);
  if (detach) {
    await print.created({ id, json: toJson(operation), line: `operation ${id} is ${operation.state === OperationState.WAITING ? `waiting: ${operation.waiting?.reason ?? ''}` : 'running'}`, next: `wo operation watch ${id}` });
    return 0;
  }
  if (!print.isForPrograms && (flags.quiet || io.stdout.isTTY !== true)) print.data(id);
  const followed = await followOperation(runtime, operation, waitMs === undefined ? {} : { waitMs });
  if (followed.finished && print.isForPrograms && print.format !== 'jsonl') await print.json(toJson(followed.operation));
  return followed.exit;
}
