import { GetProviderRequest, GetProviderResponse, ProviderServiceService } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { providerEntries } from './view.js';

export const providerShow = defineCommand({
  description: 'Settings (secrets are shown as ***) and the outcome of the last verification.',
  examples: [
    { command: 'wo provider show local', explanation: 'by name' },
    { command: 'wo provider show prv-k3 -o yaml', explanation: 'by the beginning of its id' },
  ],
  arguments: { provider: object('provider') },
  options: {},
  async run(runtime, { provider }) {
    const control = await runtime.control();
    const answer = await control.call(ProviderServiceService.getProvider, GetProviderRequest.fromPartial({ provider }));
    const found = answer.provider!;
    await runtime.print.show(found, GetProviderResponse.toJSON(answer), () => providerEntries(found, runtime.clock.now()));
  },
});
