import { ProviderServiceService, VerifyProviderRequest, VerifyProviderResponse } from '@wombat/proto/control';
import { fromErrorDetail } from '@wombat/proto';
import { defineCommand, object } from '../../command.js';
import { labelOf } from '../../control/names.js';
import { tellNotes } from '../notes.js';

export const providerVerify = defineCommand({
  description: 'Asks the provider whether the credentials still work, and stores the answer.',
  examples: [
    { command: 'wo provider verify "My EC2 Account"', explanation: 'after a quota or a key has changed' },
    { command: 'wo provider verify prv-k3 && wo deploy-nodes web --amount 2', explanation: 'go on only if they work' },
  ],
  arguments: { provider: object('provider') },
  options: {},
  async run(runtime, { provider }) {
    const control = await runtime.control();
    const answer = await control.call(ProviderServiceService.verifyProvider, VerifyProviderRequest.fromPartial({ provider }));
    tellNotes(runtime, answer.notes);
    const found = answer.provider!;
    if (found.lastError) throw fromErrorDetail(found.lastError);
    await runtime.print.done(`${labelOf(found)} is verified${found.identity && ` as ${found.identity}`}`, VerifyProviderResponse.toJSON(answer));
  },
});
