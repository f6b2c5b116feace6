import { NodeServiceService, StartNodesRequest, StartNodesResponse } from '@wombat/proto/control';
import { defineCommand, some } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { followStarted } from '../../progress/follow-started.js';
import { operationOptions, operationTimeoutHelp } from '../common.js';

export const nodeStart = defineCommand({
  description: 'Starts nodes that were stopped or have failed, on the hosts where they are.',
  timeoutHelp: operationTimeoutHelp,
  examples: [
    { command: 'wo node start riak-1 riak-2', explanation: 'two nodes, by name' },
    { command: 'wo node start "Riak node family" --detach', explanation: 'every node of the family, without waiting' },
  ],
  arguments: { nodes: some('ids, names or beginnings of ids of nodes or families', { label: 'NODE-OR-FAMILY', completes: ['node', 'family'] }) },
  options: { ...operationOptions },
  async run(runtime, { nodes }, { detach, wait }) {
    const control = await runtime.control();
    const request = StartNodesRequest.fromPartial({ mutation: newMutation(), nodes: [...nodes], ...(wait && { wait }) });
    const { operation } = await control.call(NodeServiceService.startNodes, request);
    const { timeout } = runtime.flags;
    return followStarted(runtime, operation!, { detach, toJson: (each) => StartNodesResponse.toJSON({ operation: each }), ...(timeout && { waitMs: timeout }) });
  },
});
