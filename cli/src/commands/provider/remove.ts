import { ProviderServiceService, RemoveProviderRequest, RemoveProviderResponse } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { confirm } from '../confirm.js';

export const providerRemove = defineCommand({
  description: 'Forgets the provider and its secrets. Refused while a domain or a host uses it.',
  examples: [
    { command: 'wo provider remove "My EC2 Account"', explanation: 'asks first' },
    { command: 'wo provider remove prv-k3 --yes', explanation: 'in a script' },
  ],
  arguments: { provider: object('provider') },
  options: {},
  async run(runtime, { provider }) {
    await confirm(runtime, `this forgets the provider ${provider} and its secrets`, [provider]);
    const control = await runtime.control();
    const answer = await control.call(ProviderServiceService.removeProvider, RemoveProviderRequest.fromPartial({ mutation: newMutation(), provider }));
    await runtime.print.done(`provider ${provider} is removed`, RemoveProviderResponse.toJSON(answer));
  },
});
