import { RemoveHostRequest, RemoveHostResponse, HostServiceService } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { followStarted } from '../../progress/follow-started.js';
import { detachOption, operationTimeoutHelp } from '../common.js';
import { confirm } from '../confirm.js';

export const hostRemove = defineCommand({
  description: 'Destroys the machine at its provider. Refused while nodes are on it, unless it was drained first.',
  timeoutHelp: operationTimeoutHelp,
  examples: [
    { command: 'wo host remove host-k3', explanation: 'asks first' },
    { command: 'wo host remove host-k3 --yes --detach', explanation: 'without waiting for its end' },
  ],
  arguments: { host: object('host') },
  options: { ...detachOption },
  async run(runtime, { host }, { detach }) {
    await confirm(runtime, `this destroys the machine of the host ${host}`, [host]);
    const control = await runtime.control();
    const { operation } = await control.call(HostServiceService.removeHost, RemoveHostRequest.fromPartial({ mutation: newMutation(), host }));
    const { timeout } = runtime.flags;
    return followStarted(runtime, operation!, { detach, toJson: (each) => RemoveHostResponse.toJSON({ operation: each }), ...(timeout && { waitMs: timeout }) });
  },
});
