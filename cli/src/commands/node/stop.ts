import { NodeServiceService, StopNodesRequest, StopNodesResponse } from '@wombat/proto/control';
import { defineCommand, some } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { followStarted } from '../../progress/follow-started.js';
import { operationOptions, operationTimeoutHelp } from '../common.js';

export const nodeStop = defineCommand({
  description: 'Stops nodes; they stay on their hosts with their data, and are not restarted until you start them.',
  timeoutHelp: operationTimeoutHelp,
  examples: [
    { command: 'wo node stop riak-1 riak-2', explanation: 'two nodes, by name' },
    { command: 'wo node stop "Riak node family" --detach', explanation: 'every node of the family, without waiting' },
  ],
  arguments: { nodes: some('ids, names or beginnings of ids of nodes or families', { label: 'NODE-OR-FAMILY', completes: ['node', 'family'] }) },
  options: { ...operationOptions },
  async run(runtime, { nodes }, { detach, wait }) {
    const control = await runtime.control();
    const request = StopNodesRequest.fromPartial({ mutation: newMutation(), nodes: [...nodes], ...(wait && { wait }) });
    const { operation } = await control.call(NodeServiceService.stopNodes, request);
    const { timeout } = runtime.flags;
    return followStarted(runtime, operation!, { detach, toJson: (each) => StopNodesResponse.toJSON({ operation: each }), ...(timeout && { waitMs: timeout }) });
  },
});
