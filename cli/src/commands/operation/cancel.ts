import { CancelOperationRequest, CancelOperationResponse, OperationServiceService } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';

export const operationCancel = defineCommand({
  description: 'Nothing new is begun for the operation. What it has done already stays: nodes that run go on running.',
  examples: [
    { command: 'wo operation cancel op-k3', explanation: 'by the beginning of its id' },
    { command: 'wo operation list --state running -q | xargs -n1 wo operation cancel', explanation: 'all that run' },
  ],
  arguments: { operation: object('operation') },
  options: {},
  async run(runtime, { operation }) {
    const control = await runtime.control();
    const answer = await control.call(OperationServiceService.cancelOperation, CancelOperationRequest.fromPartial({ mutation: newMutation(), operation }));
    await runtime.print.done(`operation ${operation} is being cancelled`, CancelOperationResponse.toJSON(answer));
  },
});
