import { DrainHostRequest, DrainHostResponse, HostServiceService } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { followStarted } from '../../progress/follow-started.js';
import { noDrainOption, operationOptions, operationTimeoutHelp } from '../common.js';
import { confirm } from '../confirm.js';

export const hostDrain = defineCommand({
  description: 'No node is placed on the host any more, and those that are there are drained and removed; their data stays until the host is removed. `wo deploy-nodes` places new ones elsewhere.',
  timeoutHelp: operationTimeoutHelp,
  examples: [
    { command: 'wo host drain host-k3', explanation: 'asks first' },
    { command: 'wo host drain host-k3 --yes && wo host remove host-k3 --yes', explanation: 'in a script, and destroy the machine afterwards' },
  ],
  arguments: { host: object('host') },
  options: { ...noDrainOption, ...operationOptions },
  async run(runtime, { host }, { noDrain, detach, wait }) {
    await confirm(runtime, `this removes every node of the host ${host}; their data stays until the host is removed`, [host]);
    const control = await runtime.control();
    const { operation } = await control.call(HostServiceService.drainHost, DrainHostRequest.fromPartial({ mutation: newMutation(), host, noDrain, ...(wait && { wait }) }));
    const { timeout } = runtime.flags;
    return followStarted(runtime, operation!, { detach, toJson: (each) => DrainHostResponse.toJSON({ operation: each }), ...(timeout && { waitMs: timeout }) });
  },
});
