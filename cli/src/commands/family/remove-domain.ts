import { FamilyServiceService, RemoveDomainRequest, RemoveDomainResponse } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';

export const familyRemoveDomain = defineCommand({
  description: 'New nodes are no longer placed there. Refused while nodes of the family are on its hosts.',
  examples: [
    { command: 'wo family remove-domain dom-k3m2', explanation: 'see the ids in wo family show' },
    { command: 'wo family remove-domain $DOMAIN -o json', explanation: 'in a script' },
  ],
  arguments: { domain: object('domain') },
  options: {},
  async run(runtime, { domain }) {
    const control = await runtime.control();
    const answer = await control.call(FamilyServiceService.removeDomain, RemoveDomainRequest.fromPartial({ mutation: newMutation(), domain }));
    await runtime.print.done(`domain ${domain} is removed`, RemoveDomainResponse.toJSON(answer));
  },
});
