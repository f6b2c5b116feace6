import { quoted } from '@wombat/proto';
import { AttachReleaseRequest, AttachReleaseResponse, FamilyServiceService } from '@wombat/proto/control';
import { defineCommand, object } from '../../command.js';
import { newMutation } from '../../control/mutation.js';

export const familyAttach = defineCommand({
  description: 'Names the release that new nodes of the family run. Nodes that are there keep what they run until `wo family update`.',
  examples: [
    { command: 'wo attach-release "Riak node family" Riak', explanation: 'by name' },
    { command: 'wo attach-release $FAMILY $RELEASE', explanation: 'in a script, by id' },
  ],
  arguments: { family: object('family'), release: object('release') },
  options: {},
  async run(runtime, { family, release }) {
    const control = await runtime.control();
    const answer = await control.call(FamilyServiceService.attachRelease, AttachReleaseRequest.fromPartial({ mutation: newMutation(), family, release }));
    await runtime.print.done(`new nodes of ${family} run ${answer.family?.spec?.releaseName} (${answer.family?.spec?.releaseId})`, AttachReleaseResponse.toJSON(answer));
    runtime.print.next(answer.family?.domains.length === 0 ? `wo add-domain ${quoted(family)} PROVIDER IMAGE HARDWARE`
      : `wo deploy-nodes ${quoted(family)} --amount 2; nodes that are there take it by: wo family update ${quoted(family)}`);
  },
});
