import { CancelOperationRequest, CancelOperationResponse, OperationServiceService } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';

export const operationCancel = defineCommand({
  description: [
    'What has not begun is taken back, what has begun comes to its end; `wo operation show` then tells what is left.',
    'Of a deploy, nodes that run stay, the others are removed, and hosts that were made only for it go. Nodes that drain go on running.',
    'Asking twice is the same as asking once.',
  ].join('\n'),
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
