import { ReleaseServiceService, RemoveReleaseRequest, RemoveReleaseResponse } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { confirm } from '../confirm.js';

export const releaseRemove = defineCommand({
  description: 'Removes the release. Refused while a family names it.',
  examples: [
    { command: 'wo release remove Riak', explanation: 'asks first' },
    { command: 'wo release remove rel-k3 --yes', explanation: 'in a script' },
  ],
  arguments: { release: object('release') },
  options: {},
  async run(runtime, { release }) {
    await confirm(runtime, `this removes the release ${release}`, [release]);
    const control = await runtime.control();
    const answer = await control.call(ReleaseServiceService.removeRelease, RemoveReleaseRequest.fromPartial({ mutation: newMutation(), release }));
    await runtime.print.done(`release ${release} is removed`, RemoveReleaseResponse.toJSON(answer));
  },
});
