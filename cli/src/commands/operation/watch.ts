import { GetOperationRequest, GetOperationResponse, OperationServiceService } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { followOperation } from '../../progress/follow-operation.js';
import { operationTimeoutHelp } from '../common.js';

export const operationWatch = defineCommand({
  description: 'Shows what has happened so far, then follows the operation to its end. The exit code is that of its end.',
  timeoutHelp: operationTimeoutHelp,
  examples: [
    { command: 'wo operation watch op-k3', explanation: 'go on watching after Ctrl-C' },
    { command: 'wo operation watch op-k3 --timeout 5m -o jsonl', explanation: 'every event as JSON, for five minutes at most' },
  ],
  arguments: { operation: object('operation') },
  options: {},
  async run(runtime, { operation }) {
    const control = await runtime.control();
    const found = await control.call(OperationServiceService.getOperation, GetOperationRequest.fromPartial({ operation }));
    const { timeout: waitMs } = runtime.flags;
    const followed = await followOperation(runtime, found.operation!, waitMs === undefined ? {} : { waitMs });
    const { print } = runtime;
    if (followed.finished && print.isForPrograms && print.format !== 'jsonl') await print.json(GetOperationResponse.toJSON({ operation: followed.operation }));
    return followed.exit;
  },
});
