import { exitCodes } from '@wombat/proto';
import { OperationState, type Operation } from '@wombat/proto/control';

/**
 * Exit code of an operation that has ended. One that ran into its deadline is "still running": the
 * hosts go on towards what is wanted.
 */
export function exitOfOperation(operation: Operation): number {
  if (operation.state === OperationState.SUCCEEDED) return exitCodes.done;
  if (operation.error?.code === 'WO_DEADLINE_EXCEEDED') return exitCodes.stillRunning;
  return operation.state === OperationState.PARTIAL ? exitCodes.partial : exitCodes.failed;
}
