import { DrainNodesRequest, DrainNodesResponse, NodeServiceService } from '@wombat/proto/control';
import { defineCommand, some } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { followStarted } from '../../progress/follow-started.js';
import { operationOptions, operationTimeoutHelp } from '../common.js';

export const nodeDrain = defineCommand({
  description: [
    'Takes nodes out of service and stops them: the drain command of their release is run, they leave their cluster, then they are stopped.',
    'They stay on their hosts with their data. A node that cannot be drained is left running, and the operation fails.',
  ].join('\n'),
  timeoutHelp: operationTimeoutHelp,
  examples: [
    { command: 'wo node drain riak-1', explanation: 'and `wo node start riak-1` afterwards, to have it back' },
    { command: 'wo node drain "Riak node family" --detach', explanation: 'every node of the family, without waiting' },
  ],
  arguments: { nodes: some('ids, names or beginnings of ids of nodes or families', { label: 'NODE-OR-FAMILY', completes: ['node', 'family'] }) },
  options: { ...operationOptions },
  async run(runtime, { nodes }, { detach, wait }) {
    const control = await runtime.control();
    const request = DrainNodesRequest.fromPartial({ mutation: newMutation(), nodes: [...nodes], ...(wait && { wait }) });
    const { operation } = await control.call(NodeServiceService.drainNodes, request);
    const { timeout } = runtime.flags;
    return followStarted(runtime, operation!, { detach, toJson: (each) => DrainNodesResponse.toJSON({ operation: each }), ...(timeout && { waitMs: timeout }) });
  },
});
