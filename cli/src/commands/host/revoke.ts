import { HostServiceService, RevokeHostRequest, RevokeHostResponse } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { text } from '../../options.js';
import { confirm } from '../confirm.js';

export const hostRevoke = defineCommand({
  description:
    'Refuses every certificate of the host from now on, and cuts all that it has open: for a machine that was stolen, or whose key was. ' +
    'Its nodes run on out of reach; what is still wanted of the machine is up to wo host remove. It can only come back as another host, with a new token.',
  examples: [
    { command: 'wo host revoke host-k3', explanation: 'asks first' },
    { command: 'wo host revoke host-k3 --reason "the laptop was stolen" --yes', explanation: 'with a reason for the history' },
  ],
  arguments: { host: object('host') },
  options: { reason: text('--reason <text>', 'why, for the history') },
  async run(runtime, { host }, { reason }) {
    await confirm(runtime, `this cuts off the host ${host} for good`, [host]);
    const control = await runtime.control();
    const request = RevokeHostRequest.fromPartial({ mutation: newMutation(), host, reason: reason ?? '' });
    const answer = await control.call(HostServiceService.revokeHost, request);
    await runtime.print.done(`the identity of host ${host} is revoked`, RevokeHostResponse.toJSON(answer));
  },
});
