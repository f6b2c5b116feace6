import { NodeServiceService, RestartNodesRequest, RestartNodesResponse } from '@wombat/proto/control';
import { defineCommand, some } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { followStarted } from '../../progress/follow-started.js';
import { operationOptions, operationTimeoutHelp } from '../common.js';

export const nodeRestart = defineCommand({
  description: 'Stops and starts nodes. All of those named at once: for a family that must stay up, name its nodes one after another.',
  timeoutHelp: operationTimeoutHelp,
  examples: [
    { command: 'wo node restart riak-1 riak-2', explanation: 'two nodes, by name' },
    { command: 'wo node restart "Riak node family" --detach', explanation: 'every node of the family, without waiting' },
  ],
  arguments: { nodes: some('ids, names or beginnings of ids of nodes or families', { label: 'NODE-OR-FAMILY', completes: ['node', 'family'] }) },
  options: { ...operationOptions },
  async run(runtime, { nodes }, { detach, wait }) {
    const control = await runtime.control();
    const request = RestartNodesRequest.fromPartial({ mutation: newMutation(), nodes: [...nodes], ...(wait && { wait }) });
    const { operation } = await control.call(NodeServiceService.restartNodes, request);
    const { timeout } = runtime.flags;
    return followStarted(runtime, operation!, { detach, toJson: (each) => RestartNodesResponse.toJSON({ operation: each }), ...(timeout && { waitMs: timeout }) });
  },
});
