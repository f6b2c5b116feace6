import { FamilyServiceService, GetFamilyRequest, GetFamilyResponse } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { familyEntries } from './view.js';

export const familyShow = defineCommand({
  description: 'What is set for the family: release, bootstrap, firewall, environment, domains. `wo status` shows its nodes.',
  examples: [
    { command: 'wo family show "Riak node family"', explanation: 'by name' },
    { command: 'wo family show fam-k3 -o yaml', explanation: 'everything, as YAML' },
  ],
  arguments: { family: object('family') },
  options: {},
  async run(runtime, { family }) {
    const control = await runtime.control();
    const answer = await control.call(FamilyServiceService.getFamily, GetFamilyRequest.fromPartial({ family }));
    const found = answer.family!;
    await runtime.print.show(found, GetFamilyResponse.toJSON(answer), () => familyEntries(found, runtime.clock.now()));
  },
});
