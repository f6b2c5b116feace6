import { GetNodeRequest, GetNodeResponse, NodeServiceService } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { nodeEntries } from './view.js';

export const nodeShow = defineCommand({
  description: 'Phase, release and revision, address, ports, restarts, and the last error with the last lines of its log.',
  examples: [
    { command: 'wo node show riak-1', explanation: 'by name' },
    { command: 'wo node show node-k3 -o json', explanation: 'by the beginning of its id, for a program' },
  ],
  arguments: { node: object('node') },
  options: {},
  async run(runtime, { node }) {
    const control = await runtime.control();
    const answer = await control.call(NodeServiceService.getNode, GetNodeRequest.fromPartial({ node }));
    await runtime.print.show(answer.node!, GetNodeResponse.toJSON(answer), () => nodeEntries(answer, runtime.clock.now()));
  },
});
