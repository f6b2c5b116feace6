import { FamilyServiceService, RemoveFamilyRequest, RemoveFamilyResponse } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { confirm } from '../confirm.js';

export const familyRemove = defineCommand({
  description: 'Removes the family and its domains. Refused while it has nodes: remove those first with `wo node remove FAMILY`.',
  examples: [
    { command: 'wo family remove "Riak node family"', explanation: 'asks first' },
    { command: 'wo node remove web --delete-data --yes && wo family remove web --yes', explanation: 'with all its nodes, in a script' },
  ],
  arguments: { family: object('family') },
  options: {},
  async run(runtime, { family }) {
    await confirm(runtime, `this removes the family ${family} and its domains`, [family]);
    const control = await runtime.control();
    const answer = await control.call(FamilyServiceService.removeFamily, RemoveFamilyRequest.fromPartial({ mutation: newMutation(), family }));
    await runtime.print.done(`family ${family} is removed`, RemoveFamilyResponse.toJSON(answer));
  },
});
