import { GetOperationRequest, GetOperationResponse, OperationServiceService } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { operationEntries } from './view.js';

export const operationShow = defineCommand({
  description: 'State, progress, what it waits for, and the plan that was made before anything happened.',
  examples: [
    { command: 'wo operation show op-k3', explanation: 'by the beginning of its id' },
    { command: 'wo operation show op-k3 -o json', explanation: 'for a program' },
  ],
  arguments: { operation: object('operation') },
  options: {},
  async run(runtime, { operation }) {
    const control = await runtime.control();
    const answer = await control.call(OperationServiceService.getOperation, GetOperationRequest.fromPartial({ operation }));
    const found = answer.operation!;
    await runtime.print.show(found, GetOperationResponse.toJSON(answer), () => operationEntries(found, runtime.clock.now()));
  },
});
