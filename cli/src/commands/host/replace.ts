import { HostServiceService, ReplaceHostRequest, ReplaceHostResponse } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { flag } from '../../options.js';
import { followStarted } from '../../progress/follow-started.js';
import { operationOptions, operationTimeoutHelp } from '../common.js';
import { confirm } from '../confirm.js';

export const hostReplace = defineCommand({
  description: [
    'Deploys nodes elsewhere in place of those of a lost host, whatever the policies of their families say, also while too many hosts are silent.',
    'When the host comes back after all, the nodes that were replaced are removed from it; their data stays. With --fenced you say that nothing runs',
    'on the machine any more and nothing will: then the host need not be lost yet, its nodes are gone at once, and it is removed.',
  ].join('\n'),
  timeoutHelp: operationTimeoutHelp,
  examples: [
    { command: 'wo host replace host-k3', explanation: 'asks first' },
    { command: 'wo host replace host-k3 --fenced --yes', explanation: 'the machine was switched off, and its disk is of no use' },
  ],
  arguments: { host: object('host') },
  options: { fenced: flag('--fenced', 'nothing runs on the machine any more: give it up'), ...operationOptions },
  async run(runtime, { host }, { fenced, detach, wait }) {
    const what = fenced ? `this gives up the host ${host} with all that is on it, and destroys its machine` : `this deploys other nodes in place of those of the host ${host}`;
    await confirm(runtime, what, [host]);
    const control = await runtime.control();
    const { operations } = await control.call(HostServiceService.replaceHost, ReplaceHostRequest.fromPartial({ mutation: newMutation(), host, fenced, ...(wait && { wait }) }));
    const { timeout } = runtime.flags;
    let exit = 0;
    for (const operation of operations) {
      exit = Math.max(exit, await followStarted(runtime, operation, { detach, toJson: (each) => ReplaceHostResponse.toJSON({ operations: [each] }), ...(timeout && { waitMs: timeout }) }));
    }
    return exit;
  },
});
